"""The cell space of DARTS (Liu, Simonyan & Yang, 2019), in the tradition of NASNet (Zoph et al.,
2018).

https://arxiv.org/abs/1806.09055, https://arxiv.org/abs/1707.07012

Two cells are searched, a normal one and one that halves the image. A cell has two inputs (the
outputs of the two cells before it) and four nodes; each node takes two earlier nodes, an operation
on each, and adds them; the cell's output is the concatenation of its nodes. A network stacks any
number of them: search with 8 cells, retrain the cells found with 20.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces.cells.cell_graph import CellGraph, Edge, GraphKey, graph_key
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.choices import InputChoice, LayerChoice, scope
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
    """Pairs of a normal and a reduction cell, 1.1e18 of them.

    `normal.node_3.inputs` says which two earlier nodes node 3 takes, such as "0+2";
    `normal.edge_0_3` is the operation on the edge from node 0 to node 3, active where node 3 takes
    node 0. Configs do not depend on the arguments, so that they go from a small network to a large
    one.

    Args:
        input_shape: Channels, height and width of the images; 8 pixels or larger.
        num_classes: Outputs of the classifier.
        channels: Width of the first cells (16 in the paper's search, 36 in its retraining).
        cells: How many cells (8 in the paper's search, 20 in its retraining); those at a third and
            at two thirds reduce.
        affine: Whether the batch norms of the operations learn a scale and a shift (not in the
            paper's search).
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        *,
        channels: int = 16,
        cells: int = 8,
        affine: bool = True,
    ) -> None:
        check_sizes(num_classes=num_classes, channels=channels)
        if cells < 3:
            raise ValueError(f"cells must be at least 3, so that both kinds are there, got {cells}")
        super().__init__(partial(_Network, input_shape[0], num_classes, channels, cells, affine))
        self.input_shape = input_shape

    def from_genotype(
        self, normal: Sequence[tuple[str, int]], reduce: Sequence[tuple[str, int]]
    ) -> Config:
        """The config of two cells as the DARTS papers print them.

        Args:
            normal: (operation, input) of the normal cell, two for each node in turn.
            reduce: The same of the reduction cell.

        Raises:
            ValueError: No such cells.
        """
        config: Config = {}
        for cell, pairs in zip(CELLS, (normal, reduce), strict=True):
            if len(pairs) != 2 * len(NODES):
                raise ValueError(
                    f"{cell} must hold {2 * len(NODES)} pairs of operation and input, got {len(pairs)}"
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
        """The two cells as the DARTS papers print them: (operation, input), two for each node,
        by the cell's name.
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
            nodes.append(
                [
                    Edge(
                        config[f"{cell}.edge_{source}_{node}"],
                        source,
                        f"{cell}.edge_{source}_{node}",
                    )
                    for source in sources
                ]
            )
        return nodes

    def cells(self, config: Mapping[str, Any]) -> dict[str, CellGraph]:
        """The normal and the reduction cell as graphs."""
        return {cell: CellGraph(2, self.edges(config, cell), NODES, OPERATIONS) for cell in CELLS}

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Equal for cells that differ in the order of their nodes, or in how sums through skip
        connections are made.
        """
        return " | ".join(self.cell_key(config, cell).text for cell in CELLS)

    def cell_key(self, config: Mapping[str, Any], cell: str) -> GraphKey:
        """The key of one cell, with the order of its edges and nodes."""
        nodes = self.edges(config, cell)
        if cell == "reduce":  # a skip connection of stride 2 is no identity
            nodes = [
                [
                    edge._replace(operation="factorized") if _is_factorized(edge) else edge
                    for edge in node
                ]
                for node in nodes
            ]
        return graph_key(2, nodes, NODES, weightless=("max_pool_3x3", "avg_pool_3x3"))


def _is_factorized(edge: Edge) -> bool:
    return edge.operation == "skip_connect" and edge.source < 2


class _Network(nn.Module):
    def __init__(
        self, in_channels: int, num_classes: int, channels: int, cells: int, affine: bool
    ) -> None:
        super().__init__()
        width = 3 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.cells = nn.ModuleList()
        before, previous, was_reduction = width, width, False
        for index in range(cells):
            reduction = index in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduction else 1
            with scope("reduce" if reduction else "normal"):
                self.cells.append(
                    _Cell(before, previous, channels, reduction, was_reduction, affine)
                )
            before, previous, was_reduction = previous, len(NODES) * channels, reduction
        self.classifier = nn.Linear(previous, num_classes)

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
        self.before = (
            _FactorizedReduce(before, width, affine)
            if was_reduction
            else _conv(before, width, affine)
        )
        self.previous = _conv(previous, width, affine)
        self.nodes = nn.ModuleList(
            InputChoice(
                f"node_{node}.inputs", node, 2, make=partial(_edge, node, width, reduction, affine)
            )
            for node in NODES
        )

    def forward(self, before: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        values = [self.before(before), self.previous(previous)]
        for node in self.nodes:
            values.append(node(values))
        return torch.cat(values[2:], dim=1)


def _edge(node: int, width: int, reduction: bool, affine: bool, source: int) -> nn.Module:
    return LayerChoice(
        f"edge_{source}_{node}", _operations(width, 2 if reduction and source < 2 else 1, affine)
    )


class _FactorizedReduce(nn.Module):
    """Halves the image by two strided convolutions, the second one shifted by a pixel."""

    def __init__(self, inputs: int, width: int, affine: bool) -> None:
        super().__init__()
        self.even = nn.Conv2d(inputs, width // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, width - width // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(width, affine=affine)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.relu()
        shifted = nn.functional.pad(inputs, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(inputs), self.odd(shifted)], dim=1))  # type: ignore[no-any-return]


def _conv(inputs: int, width: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width, affine=affine)
    )


def _depthwise(
    width: int, kernel: int, stride: int, dilation: int, affine: bool
) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(
        width,
        width,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=width,
        bias=False,
    )
    return [
        nn.ReLU(),
        depthwise,
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width, affine=affine),
    ]


def _separable(width: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(
        *_depthwise(width, kernel, stride, 1, affine), *_depthwise(width, kernel, 1, 1, affine)
    )


def _dilated(width: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(*_depthwise(width, kernel, stride, 2, affine))


def _operations(width: int, stride: int, affine: bool) -> dict[str, Callable[[], nn.Module]]:
    return {
        "max_pool_3x3": partial(nn.MaxPool2d, 3, stride=stride, padding=1),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=stride, padding=1, count_include_pad=False),
        "skip_connect": nn.Identity
        if stride == 1
        else partial(_FactorizedReduce, width, width, affine),
        "sep_conv_3x3": partial(_separable, width, 3, stride, affine),
        "sep_conv_5x5": partial(_separable, width, 5, stride, affine),
        "dil_conv_3x3": partial(_dilated, width, 3, stride, affine),
        "dil_conv_5x5": partial(_dilated, width, 5, stride, affine),
    }
