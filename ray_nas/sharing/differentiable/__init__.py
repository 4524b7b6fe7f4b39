"""Differentiable architecture search: one network that mixes all others."""
