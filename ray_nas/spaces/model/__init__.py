"""An `nn.Module` with choices in it."""
