"""Hierarchical space: network, stage and cell.

After Liu et al. (2018), https://arxiv.org/abs/1711.00436, and Schrodi et al. (2023),
https://arxiv.org/abs/2211.01842

The lowest level is a library of cells, graphs of four nodes with an operation on each edge. A stage
says which cell of the library it repeats, how often, and how the cells are linked. The network says
how much wider each stage is than the one before.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ray_nas.spaces.cells.cell_graph import CellGraph, Edge, GraphKey, graph_key
from ray_nas.spaces.cells.cell_layers import (
    Reduction,
    SumCell,
    Zero,
    relu_conv_norm,
    relu_depthwise_norm,
)
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

OPERATIONS: Final = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "sep_conv_5x5",
    "avg_pool_3x3",
)
LINKS: Final = ("chain", "residual", "dense")


class HierarchicalSpace(ModelSpace):
    """Three levels: network, stages and a library of cells.

    Network: `widening`, the factor of the channels from stage to stage. Stage `s`: `stage_s.cell`,
    the cell of the library that it repeats; `stage_s.depth`, how many cells; `stage_s.links`, what
    a cell reads: the cell before it (chain), the sum of that cell's input and output (residual), or
    the mean of all values before it in the stage (dense). Cell `c` of the library:
    `cell_c.edge_0_1` and so on, active while a stage uses the cell. With the defaults there are
    8.8e13 networks, those of NAS-Bench-201 among them.

    Args:
        input_shape: Channels, height and width of the images, at least 2 ** (stages - 1) pixels.
        num_classes: Outputs of the classifier.
        channels: Width of the first stage.
        stages: Number of stages; the image is halved between them.
        max_cells_per_stage: Most cells in a stage.
        library_size: Number of cells in the library.

    Raises:
        ValueError: A number is below 1.

    Example:
        >>> space = HierarchicalSpace((3, 8, 8), channels=4, stages=2)
        >>> sorted(space.cell_graphs(space.sample(random_state=0)))
        ['stage_0', 'stage_1']
    """

    baseline = None

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        *,
        channels: int = 16,
        stages: int = 3,
        max_cells_per_stage: int = 5,
        library_size: int = 2,
    ) -> None:
        check_sizes(num_classes=num_classes, channels=channels, stages=stages)
        check_sizes(max_cells_per_stage=max_cells_per_stage, library_size=library_size)
        sizes = (channels, stages, max_cells_per_stage, library_size)
        super().__init__(partial(_Network, input_shape[0], num_classes, *sizes))
        self.input_shape = input_shape
        self._stages = stages

    def cell_key(self, config: Mapping[str, Any], cell: int) -> GraphKey:
        """The key of one cell of the library, with the order in which it names the edges."""
        return graph_key(1, _nodes(config, cell), [3], weightless=("avg_pool_3x3",))

    def cell_graphs(self, config: Mapping[str, Any]) -> dict[str, CellGraph]:
        """The cell of each stage as a graph."""
        names = [f"stage_{stage}" for stage in range(self._stages)]
        used = {name: int(config[f"{name}.cell"]) for name in names}
        return {
            name: CellGraph(1, _nodes(config, cell), [3], OPERATIONS) for name, cell in used.items()
        }

    def canonical(self, config: Mapping[str, Any]) -> str:
        """A key that is equal for configs that compute the same function.

        Unused cells, edges that carry nothing and the cells' places in the library do not count.
        """
        stages = [self._stage_key(config, stage) for stage in range(self._stages)]
        return f"x{config['widening']} | " + " | ".join(stages)

    def _stage_key(self, config: Mapping[str, Any], stage: int) -> str:
        depth = config.get(f"stage_{stage}.depth", 1)
        links = config[f"stage_{stage}.links"]
        cell = self.cell_key(config, int(config[f"stage_{stage}.cell"])).text
        if depth == 1 and links == "dense":
            links = "chain"
        if cell == "":  # the cell returns zeros: the stage returns zeros, or its input
            return "x0" if links == "residual" else ""
        if cell == "x0" and links != "residual":
            return "x0"
        return f"{depth} {links} [{cell}]"


def _nodes(config: Mapping[str, Any], cell: int) -> list[list[Edge]]:
    names = [
        [(source, f"cell_{cell}.edge_{source}_{node}") for source in range(node)]
        for node in (1, 2, 3)
    ]
    return [[Edge(config[name], source, name) for source, name in node] for node in names]


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: int,
        stages: int,
        max_cells: int,
        library_size: int,
    ) -> None:
        super().__init__()
        widening = ValueChoice("widening", [1.5, 2.0])
        width = channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.stages = nn.Sequential()
        for stage in range(stages):
            if stage > 0:
                inputs = width
                width = int(widening * width)
                self.stages.append(Reduction(inputs, width))
            self.stages.append(_Stage(f"stage_{stage}", width, max_cells, library_size))
        self.head = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.stages(self.stem(images))))  # type: ignore[no-any-return]


class _Stage(nn.Module):
    def __init__(self, name: str, width: int, max_cells: int, library_size: int) -> None:
        super().__init__()
        self.links = ValueChoice(f"{name}.links", LINKS)
        library = {str(cell): partial(_cell, cell, width) for cell in range(library_size)}
        make = partial(LayerChoice, f"{name}.cell", library)
        self.cells = Repeat(f"{name}.depth", 1, max_cells, lambda index: make())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = [inputs]
        for cell in self.cells:
            source = torch.stack(values).mean(0) if self.links == "dense" else values[-1]
            outputs = cell(source)
            values.append(source + outputs if self.links == "residual" else outputs)
        return values[-1]


def _cell(cell: int, width: int) -> SumCell:
    operations = _operations(width)
    return SumCell(
        lambda source, node: LayerChoice(f"cell_{cell}.edge_{source}_{node}", operations)
    )


def _operations(width: int) -> dict[str, Callable[[], nn.Module]]:
    return {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": partial(relu_conv_norm, width, width, 1),
        "nor_conv_3x3": partial(relu_conv_norm, width, width, 3),
        "sep_conv_5x5": lambda: nn.Sequential(*relu_depthwise_norm(width, 5)),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
    }
