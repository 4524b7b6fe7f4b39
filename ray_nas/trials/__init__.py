"""Helpers for code that runs inside a trial."""

from ray_nas.trials.checkpoint import read_checkpoint, save_checkpoint
from ray_nas.trials.resolution import Resolution
from ray_nas.trials.subset import Subset

__all__ = ["Resolution", "Subset", "read_checkpoint", "save_checkpoint"]
