"""Cells as graphs."""
