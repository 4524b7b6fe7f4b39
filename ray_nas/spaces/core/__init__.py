"""The framework behind every space."""
