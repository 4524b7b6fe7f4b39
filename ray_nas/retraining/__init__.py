"""Trains a winner and its baseline on the full budget, with several seeds."""

from ray_nas.retraining.results import RetrainedTrial, Retraining, load_retraining
from ray_nas.retraining.winner_retraining import retrain

__all__ = ["RetrainedTrial", "Retraining", "load_retraining", "retrain"]
