"""A small space of each ready-made kind, without dropout, and inputs for its networks."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from ray_nas import spaces


def flat(outputs: Any) -> torch.Tensor:
    """All outputs of a network, one tensor or several, as one vector."""
    return torch.cat([output.flatten() for output in tree_leaves(outputs)])


READY_MADE: dict[str, tuple[Callable[[], spaces.ModelSpace], Callable[[], torch.Tensor]]] = {
    "chain": (
        lambda: spaces.ChainSpace((3, 16, 16), widths=(4, 8), max_layers_per_stage=2),
        lambda: torch.rand(4, 3, 16, 16),
    ),
    "darts": (
        lambda: spaces.DARTS((3, 8, 8), channels=2, num_cells=3),
        lambda: torch.rand(2, 3, 8, 8),
    ),
    "mobilenet": (
        lambda: spaces.MobileNetSpace(
            (3, 8, 8), 5, stages=((8, 2, 1), (16, 2, 2)), stem_stride=1, dropout=0.0
        ),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "stages": (
        lambda: spaces.StageSpace(
            (3, 8, 8), 5, stages=((8, 1, 1), (16, 2, 2)), stem_stride=1, dropout=0.0
        ),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "transformer": (
        lambda: spaces.TransformerSpace(
            17, 3, max_length=6, widths=(8, 16), max_layers=3, head_width=4, dropout=0.0
        ),
        lambda: torch.randint(0, 17, (2, 6)).index_fill(1, torch.tensor([0]), 1),
    ),
    "hierarchical": (
        lambda: spaces.HierarchicalSpace((3, 8, 8), channels=4, stages=2, max_cells_per_stage=2),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "mlp": (lambda: spaces.MLPSpace(6, 3, max_layers=3, dropouts=(0.0,)), lambda: torch.rand(4, 6)),
    "nasbench201": (
        lambda: spaces.NASBench201(channels=4, cells_per_stage=1),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "nasbench101": (
        lambda: spaces.NASBench101(channels=8, cells_per_stage=1),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "decoder": (
        lambda: spaces.DecoderSpace(
            17, max_length=6, widths=(8, 16), max_layers=3, head_width=4, dropout=0.0
        ),
        lambda: torch.randint(0, 17, (2, 6)),
    ),
    "series": (
        lambda: spaces.SeriesSpace((2, 32), 5, widths=(4, 8), max_blocks=3, kernels=(5, 9)),
        lambda: torch.rand(4, 2, 32),
    ),
    "tabular": (
        lambda: spaces.TabularSpace(
            6, 3, widths=(8, 16), max_blocks=2, dropouts=(0.0,), embedding_widths=(2, 4)
        ),
        lambda: torch.rand(4, 6),
    ),
    "q_network": (
        lambda: spaces.PolicySpace(4, 2, kind="q", widths=(8, 16), max_layers=2),
        lambda: torch.rand(4, 4),
    ),
    "segmentation": (
        lambda: spaces.SegmentationSpace((1, 9, 10), 3, widths=(4, 8), max_levels=2, max_blocks=1),
        lambda: torch.rand(4, 1, 9, 10),
    ),
    "policy": (
        lambda: spaces.PolicySpace(4, 2, widths=(8, 16), max_layers=2),
        lambda: torch.rand(4, 4),
    ),
    "detection": (
        lambda: spaces.DetectionSpace(
            (3, 8, 8), 2, widths=(4, 8), neck_widths=(4, 8), levels=2, max_head_blocks=2
        ),
        lambda: torch.rand(4, 3, 8, 8),
    ),
    "multi_task": (
        lambda: spaces.MultiTaskSpace((1, 8, 8), {"digit": 10, "parity": 2}, widths=(4,), depth=2),
        lambda: torch.rand(4, 1, 8, 8),
    ),
}
