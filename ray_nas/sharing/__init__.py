"""Sharing: weights that outlive a trial."""

from ray_nas.sharing.differentiable import differentiable_trainable
from ray_nas.sharing.identities import register_identity
from ray_nas.sharing.lineage import Lineage, inherit_weights
from ray_nas.sharing.mixture import Mixture
from ray_nas.sharing.morphisms import Inheritance, morph, transform
from ray_nas.sharing.one_shot_trial import one_shot_trainable

__all__ = [
    "Inheritance",
    "Lineage",
    "Mixture",
    "differentiable_trainable",
    "inherit_weights",
    "morph",
    "one_shot_trainable",
    "register_identity",
    "transform",
]
