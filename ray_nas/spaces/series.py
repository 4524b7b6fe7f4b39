"""1-D convolutions for time series and sound: classification and regression.

InceptionTime (Ismail Fawaz et al., 2020), https://arxiv.org/abs/1909.04939; LITE (Ismail-Fawaz et
al., 2023), https://arxiv.org/abs/2409.02869; ResNet (Wang et al., 2017),
https://arxiv.org/abs/1611.06455
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.layers import interleaved
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class SeriesSpace(ModelSpace):
    """Stacks of 1-D convolutional blocks, each of its own kind, receptive field and pooling.

    Inputs are series (batch, channels, length), outputs (batch, outputs). `width` (channels after
    each block) and `depth` hold for the network, and `pooling` for its end: mean, maximum, or both.
    Block `i` is `block_i.kind`:

    - "inception": three kernels and a max pooling beside each other, after a bottleneck.
    - "lite": the same kernels depthwise, then a 1x1 convolution.
    - "residual": two convolutions.
    - "depthwise": a depthwise and a 1x1 convolution.

    `block_i.kernel` is the longest kernel, `block_i.dilation` the distance between its taps, and
    `block_i.stride` 2 halves the length. A shortcut goes around every block.

    The `baseline` is InceptionTime's network: six Inception blocks of 4 * 32 channels, kernels 39,
    19 and 9.

    Args:
        input_shape: Channels and length of a series.
        outputs: Classes, or targets of a regression.
        widths: Channels of the blocks, multiples of 4.
        max_blocks: Most blocks, at least 1.
        kernels: Longest kernels of a block, odd numbers of at least 5.
        dilations: Distances between a kernel's taps.
        dropout: Rate before the last layer, in [0, 1].

    Raises:
        ValueError: A number is below 1, a width no multiple of 4, or a kernel even or below 5.

    Example:
        >>> import torch
        >>> space = SeriesSpace((3, 64), 5, widths=[16, 32], max_blocks=3)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.zeros(2, 3, 64)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        input_shape: tuple[int, int],
        outputs: int,
        *,
        widths: Sequence[int] = (16, 32, 64, 128),
        max_blocks: int = 6,
        kernels: Sequence[int] = (9, 19, 39),
        dilations: Sequence[int] = (1, 2, 4),
        dropout: float = 0.0,
    ) -> None:
        check_sizes(outputs=outputs, max_blocks=max_blocks, channels=input_shape[0])
        wrong = [width for width in widths if width < 4 or width % 4]
        if wrong:
            raise ValueError(f"widths must be multiples of 4, got {wrong[0]!r}")
        wrong = [kernel for kernel in kernels if kernel < 5 or kernel % 2 == 0]
        if wrong:
            raise ValueError(f"kernels must be odd numbers >= 5, got {wrong[0]!r}")
        block = partial(_block, kernels=tuple(kernels), dilations=tuple(dilations))
        super().__init__(
            partial(_Network, input_shape[0], outputs, tuple(widths), max_blocks, block, dropout)
        )
        self.input_shape = input_shape

    @property
    def baseline(self) -> Config:
        """InceptionTime's network, as far as widths, blocks and kernels allow."""
        domains = self.domains
        largest: dict[str, Any] = {
            name: max(domain["values"])
            for name, domain in domains.items()
            if name in ("width", "depth") or name.endswith(".kernel")
        }
        kinds = {name: "inception" for name in domains if name.endswith(".kind")}
        return self.complete({**largest, **kinds, "pooling": "mean"})


class _Network(nn.Module):
    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: tuple[int, ...],
        max_blocks: int,
        block: Callable[..., nn.Module],
        dropout: float,
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        self.pooling = ValueChoice("pooling", ["mean", "max", "both"])
        self.blocks = Repeat(
            "depth", 1, max_blocks, lambda index: block(index, width if index else channels, width)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width if self.pooling == "both" else width, outputs)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        values = self.blocks(series)
        pooled = {
            "mean": [values.mean(2)],
            "max": [values.amax(2)],
            "both": [values.mean(2), values.amax(2)],
        }[self.pooling]
        return self.head(self.dropout(interleaved(pooled)))  # type: ignore[no-any-return]


def _block(
    index: int, inputs: int, width: int, kernels: tuple[int, ...], dilations: tuple[int, ...]
) -> nn.Module:
    with label_prefix(f"block_{index}"):
        kernel = ValueChoice("kernel", kernels)
        dilation = ValueChoice("dilation", dilations)
        stride = ValueChoice("stride", [1, 2])
        sizes = (inputs, width, kernel, dilation, stride)
        return LayerChoice(
            "kind",
            {
                "inception": partial(_Residual, _Inception, *sizes),
                "lite": partial(_Residual, _Lite, *sizes),
                "residual": partial(_Residual, _convolutions, *sizes),
                "depthwise": partial(_Residual, _depthwise, *sizes),
            },
        )


class _Residual(nn.Module):
    """Layers, a shortcut around them, and ReLU."""

    def __init__(
        self,
        layers: Callable[[int, int, int, int, int], nn.Module],
        inputs: int,
        width: int,
        kernel: int,
        dilation: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.layers = layers(inputs, width, kernel, dilation, stride)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != width or stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv1d(inputs, width, 1, stride, bias=False), nn.BatchNorm1d(width)
            )

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        return (self.layers(series) + self.shortcut(series)).relu()  # type: ignore[no-any-return]


def _conv(
    inputs: int, width: int, kernel: int, dilation: int = 1, stride: int = 1, groups: int = 1
) -> nn.Conv1d:
    """A convolution that keeps the length, rounded up after a stride."""
    padding = dilation * (kernel // 2)
    return nn.Conv1d(inputs, width, kernel, stride, padding, dilation, groups, bias=False)


def _three_kernels(kernel: int) -> list[int]:
    """A kernel, about half and about a quarter of it; all odd."""
    return [kernel, kernel // 4 * 2 + 1, kernel // 8 * 2 + 1]


class _Inception(nn.Module):
    def __init__(self, inputs: int, width: int, kernel: int, dilation: int, stride: int) -> None:
        super().__init__()
        part = width // 4
        channels = min(inputs, part)
        self.bottleneck = _conv(inputs, part, 1) if inputs > part else nn.Identity()
        self.branches = nn.ModuleList(
            _conv(channels, part, size, dilation, stride) for size in _three_kernels(kernel)
        )
        self.pooled = nn.Sequential(nn.MaxPool1d(3, stride, 1), _conv(inputs, part, 1))
        self.norm = nn.BatchNorm1d(width)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        narrow = self.bottleneck(series)
        parts = [branch(narrow) for branch in self.branches]
        return self.norm(interleaved([*parts, self.pooled(series)]))  # type: ignore[no-any-return]


class _Lite(nn.Module):
    def __init__(self, inputs: int, width: int, kernel: int, dilation: int, stride: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            _conv(inputs, inputs, size, dilation, stride, groups=inputs)
            for size in _three_kernels(kernel)
        )
        self.layers = nn.Sequential(
            nn.BatchNorm1d(3 * inputs),
            nn.ReLU(),
            _conv(3 * inputs, width, 1),
            nn.BatchNorm1d(width),
        )

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        parts = [branch(series) for branch in self.branches]
        return self.layers(interleaved(parts))  # type: ignore[no-any-return]


def _convolutions(inputs: int, width: int, kernel: int, dilation: int, stride: int) -> nn.Module:
    return nn.Sequential(
        _conv(inputs, width, kernel, dilation, stride),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        _conv(width, width, kernel, dilation),
        nn.BatchNorm1d(width),
    )


def _depthwise(inputs: int, width: int, kernel: int, dilation: int, stride: int) -> nn.Module:
    return nn.Sequential(
        _conv(inputs, inputs, kernel, dilation, stride, groups=inputs),
        nn.BatchNorm1d(inputs),
        nn.ReLU(),
        _conv(inputs, width, 1),
        nn.BatchNorm1d(width),
    )
