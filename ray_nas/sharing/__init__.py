"""Weights that are shared between architectures, or passed from one trial to the next."""

from ray_nas.sharing.differentiable.differentiable_trial import differentiable_trainable
from ray_nas.sharing.differentiable.mixture import Mixture
from ray_nas.sharing.inheritance.identity_rules import register_identity
from ray_nas.sharing.inheritance.morphism import Inheritance, copy_weights, morph
from ray_nas.sharing.inheritance.weight_inheritance import Lineage, inherit_weights
from ray_nas.sharing.one_shot.one_shot_trial import one_shot_trainable

__all__ = [
    "Inheritance",
    "Lineage",
    "Mixture",
    "copy_weights",
    "differentiable_trainable",
    "inherit_weights",
    "morph",
    "one_shot_trainable",
    "register_identity",
]
