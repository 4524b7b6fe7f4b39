"""Search spaces: what may be searched."""

from ray_nas.spaces.base import SearchSpace
from ray_nas.spaces.chain import ChainSpace
from ray_nas.spaces.choices import InputChoice, LayerChoice, Repeat, ValueChoice, scope
from ray_nas.spaces.darts import DARTS
from ray_nas.spaces.joint import JointSpace
from ray_nas.spaces.model_space import ModelSpace
from ray_nas.spaces.nasbench201 import NASBench201
from ray_nas.spaces.slicing import Slicing, register_slicing
from ray_nas.spaces.supernet import Supernet

__all__ = [
    "DARTS",
    "ChainSpace",
    "InputChoice",
    "JointSpace",
    "LayerChoice",
    "ModelSpace",
    "NASBench201",
    "Repeat",
    "SearchSpace",
    "Slicing",
    "Supernet",
    "ValueChoice",
    "register_slicing",
    "scope",
]
