"""The framework behind the schedulers."""
