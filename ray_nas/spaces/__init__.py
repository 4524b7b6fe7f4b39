"""Search spaces: what may be searched."""

from ray_nas.spaces.chain import ChainSpace
from ray_nas.spaces.core.joint_space import JointSpace
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.spaces.darts import DARTS
from ray_nas.spaces.decoder import DecoderSpace
from ray_nas.spaces.detection import DetectionSpace
from ray_nas.spaces.hierarchical import HierarchicalSpace
from ray_nas.spaces.mlp import MLPSpace
from ray_nas.spaces.mobilenet import MobileNetSpace
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import InputChoice, LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.spaces.model.slicing import Slicing, register_slicing
from ray_nas.spaces.model.supernet import Supernet
from ray_nas.spaces.multi_task import MultiTaskSpace
from ray_nas.spaces.nasbench101 import NASBench101
from ray_nas.spaces.nasbench201 import NASBench201
from ray_nas.spaces.policy import PolicySpace
from ray_nas.spaces.segmentation import SegmentationSpace
from ray_nas.spaces.series import SeriesSpace
from ray_nas.spaces.stage_space import StageSpace
from ray_nas.spaces.tabular import TabularSpace
from ray_nas.spaces.transformer import TransformerSpace

__all__ = [
    "DARTS",
    "ChainSpace",
    "DecoderSpace",
    "DetectionSpace",
    "HierarchicalSpace",
    "InputChoice",
    "JointSpace",
    "LayerChoice",
    "MLPSpace",
    "MobileNetSpace",
    "ModelSpace",
    "MultiTaskSpace",
    "NASBench101",
    "NASBench201",
    "PolicySpace",
    "Repeat",
    "SearchSpace",
    "SegmentationSpace",
    "SeriesSpace",
    "Slicing",
    "StageSpace",
    "Supernet",
    "TabularSpace",
    "TransformerSpace",
    "ValueChoice",
    "label_prefix",
    "register_slicing",
]
