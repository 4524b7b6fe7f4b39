"""The cell space of DARTS, in the tradition of NASNet.

Liu, Simonyan & Yang (2019), https://arxiv.org/abs/1806.09055; Zoph et al. (2018),
https://arxiv.org/abs/1707.07012

Two cells are searched: a normal one, and one that halves the image. A cell has two inputs (the
outputs of the two cells before it) and four nodes. Each node applies an operation to each of two
earlier nodes and adds the results; the cell's output concatenates its nodes. A network stacks any
number of cells: search with 8, retrain the cells found with 20.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces.cells.cell_graph import CellGraph, Edge, GraphKey, graph_key
from ray_nas.spaces.cells.cell_layers import relu_conv_norm, relu_depthwise_norm
from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import InputChoice, LayerChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

OPERATIONS: Final = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CELLS: Final = ("normal", "reduce")
NODES: Final = (2, 3, 4, 5)
"""The nodes of a cell; 0 and 1 are its inputs."""


class DARTS(ModelSpace):
    """Pairs of a normal and a reduction cell; there are 1.1e18 pairs.

    `normal.node_3.inputs` says which two earlier nodes node 3 reads, such as "0+2";
    `normal.edge_0_3` is the operation on the edge from node 0 to node 3, active while node 3 reads
    node 0. Configs do not depend on the arguments, so a config of a small network is also one of a
    large network.

    Args:
        input_shape: Channels, height and width of the images, at least 8 pixels.
        num_classes: Outputs of the classifier.
        channels: Width of the first cells (16 in the paper's search, 36 in its retraining).
        num_cells: Number of cells, at least 3 (8 in the paper's search, 20 in its retraining). The
            cells at a third and at two thirds of the depth are reduction cells.
        affine: Whether the batch norms of the operations learn a scale and a shift (they do not in
            the paper's search).

    Raises:
        ValueError: `num_classes` or `channels` is below 1, or `num_cells` below 3.

    Example:
        >>> import torch
        >>> space = DARTS((3, 8, 8), channels=4, num_cells=3)
        >>> config = space.sample(random_state=0)
        >>> space.build(config)(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
        >>> space.from_genotype(**space.to_genotype(config)) == config
        True
    """

    baseline = None

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        *,
        channels: int = 16,
        num_cells: int = 8,
        affine: bool = True,
    ) -> None:
        check_sizes(num_classes=num_classes, channels=channels)
        if num_cells < 3:
            raise ValueError(
                "num_cells must be at least 3, so that the network has cells of both kinds, "
                f"got {num_cells}"
            )
        sizes = (input_shape[0], num_classes, channels, num_cells, affine)
        super().__init__(partial(_Network, *sizes))
        self.input_shape = input_shape

    def from_genotype(
        self, normal: Sequence[tuple[str, int]], reduce: Sequence[tuple[str, int]]
    ) -> Config:
        """The config of two cells in the notation of the DARTS papers.

        Args:
            normal: (operation, input) pairs of the normal cell, two for each node in order.
            reduce: The same for the reduction cell.

        Raises:
            ValueError: The pairs describe no cell of this space.
        """
        config: Config = {}
        for cell, pairs in zip(CELLS, (normal, reduce), strict=True):
            if len(pairs) != 2 * len(NODES):
                raise ValueError(
                    f"{cell} must hold {2 * len(NODES)} pairs of operation and input, "
                    f"got {len(pairs)}"
                )
            for index, node in enumerate(NODES):
                edges = sorted(pairs[2 * index : 2 * index + 2], key=lambda pair: pair[1])
                config[f"{cell}.node_{node}.inputs"] = "+".join(str(source) for _, source in edges)
                config.update(
                    {f"{cell}.edge_{source}_{node}": operation for operation, source in edges}
                )
        self.validate(config)
        return config

    def to_genotype(self, config: Mapping[str, Any]) -> dict[str, list[tuple[str, int]]]:
        """The two cells in the notation of the DARTS papers.

        Returns:
            For "normal" and "reduce": (operation, input) pairs, two for each node in order.
        """
        return {
            cell: [
                (edge.operation, edge.source) for node in self.edges(config, cell) for edge in node
            ]
            for cell in CELLS
        }

    def edges(self, config: Mapping[str, Any], cell: str) -> list[list[Edge]]:
        """The edges into each node of a cell ("normal" or "reduce")."""
        nodes = []
        for node in NODES:
            sources = [int(name) for name in config[f"{cell}.node_{node}.inputs"].split("+")]
            names = {source: f"{cell}.edge_{source}_{node}" for source in sources}
            nodes.append([Edge(config[name], source, name) for source, name in names.items()])
        return nodes

    def cell_graphs(self, config: Mapping[str, Any]) -> dict[str, CellGraph]:
        """The normal and the reduction cell as graphs."""
        return {cell: CellGraph(2, self.edges(config, cell), NODES, OPERATIONS) for cell in CELLS}

    def canonical(self, config: Mapping[str, Any]) -> str:
        """A key that is equal for pairs of cells that compute the same function.

        The order of the nodes does not count, nor how skip connections build a sum.
        """
        return " | ".join(self.cell_key(config, cell).text for cell in CELLS)

    def cell_key(self, config: Mapping[str, Any], cell: str) -> GraphKey:
        """The key of one cell ("normal" or "reduce"), with the order of its edges and nodes."""
        nodes = self.edges(config, cell)
        if cell == "reduce":
            nodes = [[_renamed_if_factorized(edge) for edge in node] for node in nodes]
        return graph_key(2, nodes, NODES, weightless=("max_pool_3x3", "avg_pool_3x3"))


def _renamed_if_factorized(edge: Edge) -> Edge:
    """In a reduction cell, a skip connection of stride 2 is no identity."""
    if edge.operation == "skip_connect" and edge.source < 2:
        return edge._replace(operation="factorized")
    return edge


class _Network(nn.Module):
    def __init__(
        self, in_channels: int, num_classes: int, channels: int, num_cells: int, affine: bool
    ) -> None:
        super().__init__()
        width = 3 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.cells = nn.ModuleList()
        inputs = (width, width)
        was_reduction = False
        for index in range(num_cells):
            reduction = index in (num_cells // 3, 2 * num_cells // 3)
            channels *= 2 if reduction else 1
            with label_prefix("reduce" if reduction else "normal"):
                self.cells.append(_Cell(*inputs, channels, reduction, was_reduction, affine))
            inputs = (inputs[1], len(NODES) * channels)
            was_reduction = reduction
        self.classifier = nn.Linear(inputs[1], num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = previous = self.stem(images)
        for cell in self.cells:
            before, previous = previous, cell(before, previous)
        return self.classifier(previous.mean((2, 3)))  # type: ignore[no-any-return]


class _Cell(nn.Module):
    def __init__(
        self,
        before: int,
        previous: int,
        width: int,
        reduction: bool,
        was_reduction: bool,
        affine: bool,
    ) -> None:
        super().__init__()
        self.before: nn.Module
        if was_reduction:  # the input of the cell before is twice as large
            self.before = _FactorizedReduce(before, width, affine)
        else:
            self.before = relu_conv_norm(before, width, 1, affine=affine)
        self.previous = relu_conv_norm(previous, width, 1, affine=affine)
        self.nodes = nn.ModuleList()
        for node in NODES:
            make = partial(_edge, node, width, reduction, affine)
            self.nodes.append(InputChoice(f"node_{node}.inputs", node, 2, make=make))

    def forward(self, before: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        values = [self.before(before), self.previous(previous)]
        for node in self.nodes:
            values.append(node(values))
        return torch.cat(values[2:], dim=1)


def _edge(node: int, width: int, reduction: bool, affine: bool, source: int) -> nn.Module:
    stride = 2 if reduction and source < 2 else 1
    return LayerChoice(f"edge_{source}_{node}", _operations(width, stride, affine))


class _FactorizedReduce(nn.Module):
    """Halves the image by two strided convolutions; the second is shifted by a pixel."""

    def __init__(self, inputs: int, width: int, affine: bool) -> None:
        super().__init__()
        self.even = nn.Conv2d(inputs, width // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, width - width // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(width, affine=affine)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.relu()
        shifted = nn.functional.pad(inputs, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(inputs), self.odd(shifted)], dim=1))  # type: ignore[no-any-return]


def _separable(width: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(
        *relu_depthwise_norm(width, kernel, stride, affine=affine),
        *relu_depthwise_norm(width, kernel, affine=affine),
    )


def _dilated(width: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(*relu_depthwise_norm(width, kernel, stride, dilation=2, affine=affine))


def _operations(width: int, stride: int, affine: bool) -> dict[str, Callable[[], nn.Module]]:
    skip = nn.Identity if stride == 1 else partial(_FactorizedReduce, width, width, affine)
    return {
        "max_pool_3x3": partial(nn.MaxPool2d, 3, stride=stride, padding=1),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=stride, padding=1, count_include_pad=False),
        "skip_connect": skip,
        "sep_conv_3x3": partial(_separable, width, 3, stride, affine),
        "sep_conv_5x5": partial(_separable, width, 5, stride, affine),
        "dil_conv_3x3": partial(_dilated, width, 3, stride, affine),
        "dil_conv_5x5": partial(_dilated, width, 5, stride, affine),
    }
