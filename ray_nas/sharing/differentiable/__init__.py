"""Gradient-based search."""
