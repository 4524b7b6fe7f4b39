"""Networks for tables: MLP or ResNet, embeddings of numbers, and ensembles in one network.

Gorishniy et al. (2021), https://arxiv.org/abs/2106.11959; embeddings of numbers: Gorishniy et al.
(2022), https://arxiv.org/abs/2203.05556; ensembles: Gorishniy et al. (2025, TabM),
https://arxiv.org/abs/2410.24210
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes
from ray_nas.spaces.model.slicing import Slicing, leading, register_slicing


class TabularSpace(ModelSpace):
    """Networks for rows of numbers, standardised; one-hot columns are numbers, too.

    Inputs are (batch, columns), outputs (batch, outputs). `block` is "mlp" or "resnet"; `width`,
    `depth`, `norm` and `dropout` hold for all blocks. `embedding` says what the first layer sees of
    a column: the number itself ("none"), a learnt linear and ReLU map of it ("linear"), or of its
    sines and cosines at learnt frequencies ("periodic"), each of `embedding_width` entries.
    `ensemble` networks share all weights but a scale of each input and their last layers, and the
    mean of their outputs is the output.

    The `baseline` is the paper's MLP: three layers of the width nearest to 256, without embedding.

    Args:
        columns: Columns of the table.
        outputs: Classes, or targets of a regression.
        widths: Units of a block.
        max_blocks: Most blocks, at least 1.
        dropouts: Rates in a block, in [0, 1].
        embedding_widths: Entries of an embedded number.
        ensembles: Numbers of networks.

    Raises:
        ValueError: A number is below 1.

    Example:
        >>> import torch
        >>> space = TabularSpace(columns=6, outputs=3)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.zeros(2, 6)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        columns: int,
        outputs: int,
        *,
        widths: Sequence[int] = (64, 128, 256, 512),
        max_blocks: int = 6,
        dropouts: Sequence[float] = (0.0, 0.1, 0.2, 0.5),
        embedding_widths: Sequence[int] = (8, 16),
        ensembles: Sequence[int] = (1, 4, 16),
    ) -> None:
        check_sizes(columns=columns, outputs=outputs, max_blocks=max_blocks)
        check_sizes(fewest=min(widths), embedding=min(embedding_widths), ensemble=min(ensembles))
        sizes = (columns, outputs, tuple(widths), max_blocks, tuple(dropouts))
        super().__init__(partial(_Network, *sizes, tuple(embedding_widths), tuple(ensembles)))
        self.input_shape = (columns,)

    @property
    def baseline(self) -> Config:
        """An MLP of three layers, or as many as there are."""
        domains = self.domains
        wanted: dict[str, Any] = {"block": "mlp", "embedding": "none", "norm": "none"}
        if "width" in domains:
            wanted["width"] = min(domains["width"]["values"], key=lambda width: abs(width - 256))
        if "depth" in domains:
            wanted["depth"] = min(3, max(domains["depth"]["values"]))
        return self.complete({name: value for name, value in wanted.items() if name in domains})


class _Network(nn.Module):
    def __init__(
        self,
        columns: int,
        outputs: int,
        widths: tuple[int, ...],
        max_blocks: int,
        dropouts: tuple[float, ...],
        embedding_widths: tuple[int, ...],
        ensembles: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.members = members = ValueChoice("ensemble", ensembles)
        width = ValueChoice("width", widths)
        rate = ValueChoice("dropout", dropouts)
        self.scales = _Scales(members, columns)
        self.first = _first_layer(columns, width, embedding_widths)
        self.blocks = Repeat("depth", 1, max_blocks, partial(_block, width, rate))
        self.heads = _Heads(members, width, outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        values = self.blocks(self.first(self.scales(rows).flatten(0, 1)))
        return self.heads(values.unflatten(0, (-1, self.members))).mean(1)  # type: ignore[no-any-return]


class _Scales(nn.Module):
    """Each member's own scale of each column: (batch, columns) to (batch, members, columns)."""

    def __init__(self, members: int, columns: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, columns))
        if members > 1:
            nn.init.uniform_(self.weight, 0.5, 1.5)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, None] * self.weight


class _Heads(nn.Module):
    """Each member's own last layer: (batch, members, width) to (batch, members, outputs)."""

    def __init__(self, members: int, width: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(members, outputs, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bmw,mow->bmo", values, self.weight) + self.bias


def _first_layer(columns: int, width: int, embedding_widths: tuple[int, ...]) -> nn.Module:
    """Rows to vectors of a width, through an embedding of each column."""

    def embedded(embedding: Callable[[int, int], nn.Module]) -> nn.Module:
        entries = ValueChoice("embedding_width", embedding_widths)
        return nn.Sequential(embedding(columns, entries), nn.Linear(columns * entries, width))

    return LayerChoice(
        "embedding",
        {
            "none": partial(nn.Linear, columns, width),
            "linear": partial(embedded, _LinearEmbedding),
            "periodic": partial(embedded, _PeriodicEmbedding),
        },
    )


class _LinearEmbedding(nn.Module):
    """ReLU of a linear map of each column: (batch, columns) to (batch, width * columns)."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns, width).uniform_(-1, 1))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-1, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return (rows[:, :, None] * self.weight + self.bias).relu().transpose(1, 2).flatten(1)


class _PeriodicEmbedding(nn.Module):
    """ReLU of a linear map of sines and cosines of each column at learnt frequencies."""

    def __init__(self, columns: int, width: int, frequencies: int = 16) -> None:
        super().__init__()
        bound = 1 / math.sqrt(2 * frequencies)
        self.frequencies = nn.Parameter(0.1 * torch.randn(columns, frequencies))
        self.weight = nn.Parameter(
            torch.empty(columns, width, 2 * frequencies).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.zeros(columns, width))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        angles = 2 * math.pi * rows[:, :, None] * self.frequencies
        waves = torch.cat([angles.sin(), angles.cos()], 2)
        values = torch.einsum("bcf,cwf->bcw", waves, self.weight) + self.bias
        return values.relu().transpose(1, 2).flatten(1)


def _block(width: int, rate: float, index: int) -> nn.Module:
    norms: dict[str, Callable[[], nn.Module]] = {
        "none": nn.Identity,
        "batch": partial(nn.BatchNorm1d, width),
        "layer": partial(nn.LayerNorm, width),
    }
    norm = LayerChoice("norm", norms)

    def mlp() -> nn.Module:
        linear = nn.Linear(width, width) if index else nn.Identity()  # the first layer is linear
        return nn.Sequential(linear, norm, nn.ReLU(), nn.Dropout(rate))

    return LayerChoice("block", {"mlp": mlp, "resnet": partial(_ResNetBlock, width, rate, norm)})


class _ResNetBlock(nn.Module):
    """Norm, two linear layers with ReLU and dropout, and a shortcut around them."""

    def __init__(self, width: int, rate: float, norm: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            norm,
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.Dropout(rate),
            nn.Linear(2 * width, width),
            nn.Dropout(rate),
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.layers(values)  # type: ignore[no-any-return]


for _kind in (_Scales, _Heads, _LinearEmbedding, _PeriodicEmbedding):
    register_slicing(_kind, Slicing(leading))
