"""Schedulers: they decide which trials continue training."""

from ray_nas.schedulers.core.stopping_scheduler import StoppingScheduler
from ray_nas.schedulers.learning_curve_asha import LearningCurveASHA
from ray_nas.schedulers.multi_objective_asha import MultiObjectiveASHA
from ray_nas.schedulers.resumable import Resumable

__all__ = [
    "LearningCurveASHA",
    "MultiObjectiveASHA",
    "Resumable",
    "StoppingScheduler",
]
