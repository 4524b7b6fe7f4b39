"""Retraining: the winner and the baseline, trained again from scratch."""
