"""Sharing: weights that outlive a trial."""

from ray_nas.sharing.one_shot_trial import one_shot_trainable

__all__ = ["one_shot_trainable"]
