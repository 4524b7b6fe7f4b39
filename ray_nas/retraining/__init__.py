"""Trains a winner and its baseline on the full budget, with several seeds."""

from ray_nas.retraining.results import RetrainedTrial, Retraining, load_retraining

__all__ = ["RetrainedTrial", "Retraining", "load_retraining"]
