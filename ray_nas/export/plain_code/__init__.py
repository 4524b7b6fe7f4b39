"""Python code that rebuilds a network in torch alone."""
