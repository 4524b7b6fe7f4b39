"""The spaces of `does_it_pay.py`, and the hand-made networks H0 in them.

- Series: LITE's three layers (Ismail-Fawaz et al., 2023): an Inception block of 32 channels and
  kernels 39, 19 and 9, then depthwise blocks of dilation 2 and 4.
- Tables: an MLP of three layers of 256 units on periodic embeddings, dropout 0.15, as RealMLP
  (Holzmueller et al., 2024).
- Images: a ResNet of three stages of 16, 32 and 64 channels (He et al., 2016).

Every search has the same hyperparameters and the same limit: twice H0's multiply-adds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from pay_tasks import Task
from ray import tune
from torch import nn

from ray_nas.estimators.cost import cost_function
from ray_nas.spaces import ModelSpace, Repeat, SeriesSpace, TabularSpace, ValueChoice
from ray_nas.spaces.model.choice_context import label_prefix

LIMIT: Final = 2.0
"""Most multiply-adds of a searched network, in those of H0."""
DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "series": {"lr": 5e-3, "decay": 1e-3, "dropout": 0.0, "mixup": 0.0},
    "table": {"lr": 3e-3, "decay": 1e-2, "dropout": 0.15, "mixup": 0.0},
    "image": {"lr": 5e-3, "decay": 1e-3, "dropout": 0.0, "mixup": 0.0},
}
"""H0's hyperparameters, which every search starts from. Its batch is 64, or 16 where fewer than
1,000 series or images would make too few steps; chosen on the development tasks."""


def hyperparameters() -> dict[str, Any]:
    """Domains of the learning rate, the weight decay, dropout, the batch and mixup's alpha."""
    return {
        "lr": tune.loguniform(3e-4, 3e-2),
        "decay": tune.loguniform(1e-5, 1e-1),
        "dropout": tune.uniform(0.0, 0.5),
        "batch": tune.choice([16, 32, 64, 128]),
        "mixup": tune.uniform(0.0, 0.5),
    }


@dataclass(frozen=True)
class Setting:
    """What the arms search on a task."""

    space: ModelSpace
    h0: dict[str, Any]
    """The hand-made network with its hyperparameters: an entry `arch`, and those of `DEFAULTS`."""
    costs: Callable[[dict[str, Any]], dict[str, float]]
    """FLOPs and parameters of a trial's config."""
    limit: float
    """Most FLOPs of a network."""

    @property
    def widths(self) -> list[int]:
        """H0's possible widths within the limit."""
        return [
            width
            for width in self.space.domains["width"]["values"]
            if self.costs({"arch": {**self.h0["arch"], "width": width}})["flops"] <= self.limit
        ]


def setting(task: Task) -> Setting:
    """The space and the hand-made network of a task."""
    space, architecture = _FAMILIES[task.source.kind](task)
    costs = cost_function(space, task.input_shape, optimizer=None, key="arch")
    limit = LIMIT * costs({"arch": architecture})["flops"]
    few = len(task.train[1]) < 1_000 and task.source.kind != "table"
    h0 = {"arch": architecture, **DEFAULTS[task.source.kind], "batch": 16 if few else 64}
    return Setting(space, h0, costs, limit)


def build(space: ModelSpace, config: Mapping[str, Any]) -> nn.Module:
    """The network of a trial's config, with its dropout."""
    network = space.build(config["arch"])
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = config["dropout"]
    return network


def _series(task: Task) -> tuple[ModelSpace, dict[str, Any]]:
    channels, length = task.input_shape
    space = SeriesSpace(
        (channels, length), task.outputs, widths=(8, 16, 32, 64), max_blocks=5, dropout=0.1
    )
    lite = {
        "width": 32,
        "depth": 3,
        "pooling": "mean",
        **{"block_0.kind": "inception", "block_0.kernel": 39},
        **{"block_1.kind": "depthwise", "block_1.kernel": 19, "block_1.dilation": 2},
        **{"block_2.kind": "depthwise", "block_2.kernel": 9, "block_2.dilation": 4},
    }
    return space, space.complete(lite)


def _table(task: Task) -> tuple[ModelSpace, dict[str, Any]]:
    space = TabularSpace(task.input_shape[0], task.outputs, dropouts=(0.1,), ensembles=(1, 4))
    return space, space.complete({**space.baseline, "embedding": "periodic"})


def _image(task: Task) -> tuple[ModelSpace, dict[str, Any]]:
    channels, size, _ = task.input_shape
    space = ModelSpace(partial(_ImageNetwork, channels, task.outputs, 2 if size > 16 else 1))
    return space, space.complete({"width": 16})


_FAMILIES: Final = {"series": _series, "table": _table, "image": _image}


class _ImageNetwork(nn.Module):
    """A stem, three stages of blocks, each at half the size and twice the width, and pooling."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16, 24, 32])
        stem = ValueChoice("stem", [3, 5])
        pooling = ValueChoice("pooling", ["mean", "max"])
        self.stem = _convolution(channels, width, stem, stride)
        self.stages = nn.Sequential(*[_stage(index, width) for index in range(3)])
        self.pool = nn.AdaptiveAvgPool2d(1) if pooling == "mean" else nn.AdaptiveMaxPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * width, outputs))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.stages(self.stem(images))))  # type: ignore[no-any-return]


def _stage(index: int, width: int) -> nn.Module:
    channels = width * 2**index
    with label_prefix(f"stage_{index}"):
        kind = ValueChoice("kind", ["residual", "plain", "depthwise", "bottleneck"])
        kernel = ValueChoice("kernel", [3, 5])

        def block(number: int) -> nn.Module:
            starts = index > 0 and number == 0
            inputs = channels // 2 if starts else channels
            return _block(kind, inputs, channels, kernel, 2 if starts else 1)

        return Repeat("depth", 1, 3, block)


def _block(kind: str, inputs: int, channels: int, kernel: int, stride: int) -> nn.Module:
    if kind == "plain":
        return _convolution(inputs, channels, kernel, stride)
    return _Residual(kind, inputs, channels, kernel, stride)


class _Residual(nn.Module):
    def __init__(self, kind: str, inputs: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = max(4, channels // 4)
        self.layers = {
            "residual": lambda: nn.Sequential(
                _convolution(inputs, channels, kernel, stride),
                _convolution(channels, channels, kernel, 1, activation=False),
            ),
            "depthwise": lambda: nn.Sequential(
                _convolution(inputs, inputs, kernel, stride, groups=inputs),
                _convolution(inputs, channels, 1, 1, activation=False),
            ),
            "bottleneck": lambda: nn.Sequential(
                _convolution(inputs, inner, 1, 1),
                _convolution(inner, inner, kernel, stride),
                _convolution(inner, channels, 1, 1, activation=False),
            ),
        }[kind]()
        self.shortcut: nn.Module = nn.Identity()
        if inputs != channels or stride > 1:
            self.shortcut = _convolution(inputs, channels, 1, stride, activation=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (self.layers(images) + self.shortcut(images)).relu()  # type: ignore[no-any-return]


def _convolution(
    inputs: int,
    channels: int,
    kernel: int,
    stride: int,
    *,
    groups: int = 1,
    activation: bool = True,
) -> nn.Module:
    layers = [
        nn.Conv2d(inputs, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if activation else []))
