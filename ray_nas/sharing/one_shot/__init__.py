"""One-shot search: a supernet, its sub-networks, and the best retrained."""
