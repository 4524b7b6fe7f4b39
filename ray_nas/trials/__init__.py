"""Helpers for code that runs inside a trial."""

from ray_nas.trials.checkpoint import read_checkpoint, save_checkpoint

__all__ = ["read_checkpoint", "save_checkpoint"]
