"""The framework behind every searcher."""
