"""A placeholder of retraining."""

from ray_nas.retraining.results import RetrainedTrial, Retraining, load_retraining

__all__ = ["RetrainedTrial", "Retraining", "load_retraining"]
