"""The cell space of NAS-Bench-201 (Dong & Yang, 2020): https://arxiv.org/abs/2001.00326.

A cell is a graph of four nodes; each of its six edges carries one of five operations, which gives
15,625 cells. The network stacks three stages of cells of width C, 2C and 4C, with a residual block
of stride 2 between them.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from ray_nas.spaces.cells.cell_features import cell_features
from ray_nas.spaces.cells.cell_graph import CellGraph, Edge
from ray_nas.spaces.cells.cell_layers import EDGES, Reduction, SumCell, Zero, relu_conv_norm
from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choices import LayerChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class NASBench201(ModelSpace):
    """The 15,625 cells of NAS-Bench-201, one operation on each of `edge_0_1` to `edge_2_3`.

    Args:
        channels: Width of the first stage (16 in the benchmark).
        cells_per_stage: Cells in each of the three stages (5 in the benchmark).
        num_classes: Outputs of the classifier.
        in_channels: Channels of the input images, of shape (batch, in_channels, height, width), at
            least 4 pixels.

    Raises:
        ValueError: An argument is below 1.

    Example:
        >>> import torch
        >>> space = NASBench201(channels=4, cells_per_stage=1)
        >>> config = space.sample(random_state=0)
        >>> space.build(config)(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
        >>> space.from_arch_str(space.to_arch_str(config)) == config
        True
    """

    baseline = None

    def __init__(
        self,
        channels: int = 16,
        cells_per_stage: int = 5,
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        check_sizes(
            channels=channels,
            cells_per_stage=cells_per_stage,
            num_classes=num_classes,
            in_channels=in_channels,
        )
        super().__init__(partial(_Network, channels, cells_per_stage, num_classes, in_channels))
        self.input_shape = (in_channels, 32, 32)

    def to_arch_str(self, config: Mapping[str, Any]) -> str:
        """The cell in the benchmark's notation: `|nor_conv_3x3~0|+|none~0|skip_connect~1|+...`."""
        nodes = []
        for node in (1, 2, 3):
            edges = [f"{config[f'edge_{source}_{node}']}~{source}" for source in range(node)]
            nodes.append(f"|{'|'.join(edges)}|")
        return "+".join(nodes)

    def from_arch_str(self, arch_str: str) -> Config:
        """The config of a cell in the benchmark's notation.

        Raises:
            ValueError: The text describes no cell.
        """
        config: Config = {}
        for node, part in enumerate(arch_str.split("+"), start=1):
            for operation, source in re.findall(r"([^|~]+)~(\d)", part):
                config[f"edge_{source}_{node}"] = operation
        self.validate(config)
        if self.to_arch_str(config) != arch_str:
            raise ValueError(
                "arch_str must be a NAS-Bench-201 cell, such as "
                f"'|none~0|+|none~0|none~1|+|none~0|none~1|none~2|', got {arch_str!r}"
            )
        return config

    def cell_graphs(self, config: Mapping[str, Any]) -> dict[str, CellGraph]:
        """The cell as a graph."""
        names = [
            [(source, f"edge_{source}_{node}") for source in range(node)] for node in (1, 2, 3)
        ]
        nodes = [[Edge(config[name], source, name) for source, name in node] for node in names]
        return {"cell": CellGraph(1, nodes, [3], OPERATIONS)}

    def canonical(self, config: Mapping[str, Any]) -> str:
        """The cell's function as a formula, as the benchmark writes it.

        Equal for the cells of each of the benchmark's 6,466 isomorphism classes. The input is "0",
        an edge that carries zeros is "#", a skip connection is its input, and the terms of a sum
        are sorted. These rules and symbols decide the classes: zeros stay in a sum and an inherited
        sum is one term, so some cells that compute the same function have different keys.
        """
        nodes = ["0"]
        for node in (1, 2, 3):
            terms = []
            for source in range(node):
                operation = config[f"edge_{source}_{node}"]
                inputs = nodes[source]
                if operation == "none" or inputs == "#":
                    terms.append("#")
                elif operation == "skip_connect":
                    terms.append(inputs)
                else:
                    terms.append(f"({inputs})@{operation}")
            nodes.append("+".join(sorted(terms)))
        return nodes[3]

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Path encoding and graph features of the cell (62 counts of `cell_features`)."""
        cell = {(source, node): config[f"edge_{source}_{node}"] for source, node in EDGES}
        return cell_features(cell, OPERATIONS, zero="none", identity="skip_connect")


class _Network(nn.Module):
    def __init__(
        self, channels: int, cells_per_stage: int, num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        for width in (channels, 2 * channels, 4 * channels):
            if width > channels:
                layers.append(Reduction(width // 2, width))
            layers += [SumCell(partial(_edge, width)) for _ in range(cells_per_stage)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.layers(images).mean((2, 3)))  # type: ignore[no-any-return]


def _edge(width: int, source: int, node: int) -> LayerChoice:
    return LayerChoice(f"edge_{source}_{node}", _operations(width))


def _operations(width: int) -> dict[str, Any]:
    return {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": partial(relu_conv_norm, width, width, 1),
        "nor_conv_3x3": partial(relu_conv_norm, width, width, 3),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
    }
