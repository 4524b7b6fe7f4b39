"""Schedulers: who goes on training."""

from ray_nas.schedulers.learning_curve_asha import LearningCurveASHA

__all__ = ["LearningCurveASHA"]
