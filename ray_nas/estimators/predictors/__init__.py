"""Models that predict a score from an architecture."""
