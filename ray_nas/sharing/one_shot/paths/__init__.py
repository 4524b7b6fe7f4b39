"""Which sub-networks a supernet is trained on."""
