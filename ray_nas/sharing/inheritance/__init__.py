"""A child starts from its parent's weights."""
