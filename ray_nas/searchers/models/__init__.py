"""Models that searchers sample from."""
