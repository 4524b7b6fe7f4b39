"""Report: whether a search paid, and whether its result can be believed."""
