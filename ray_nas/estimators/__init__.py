"""Estimators: how good or how costly an architecture is, without full training."""
