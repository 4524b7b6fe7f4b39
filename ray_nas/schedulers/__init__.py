"""Schedulers: who goes on training."""

from ray_nas.schedulers.core.stopping_scheduler import ResumableScheduler
from ray_nas.schedulers.learning_curve_asha import LearningCurveASHA
from ray_nas.schedulers.multi_objective_asha import MultiObjectiveASHA
from ray_nas.schedulers.resumable import Resumable

__all__ = [
    "LearningCurveASHA",
    "MultiObjectiveASHA",
    "Resumable",
    "ResumableScheduler",
]
