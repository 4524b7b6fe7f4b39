"""Layers of cell spaces, as NAS-Bench-201 and DARTS define them.

Dong & Yang (2020), https://arxiv.org/abs/2001.00326; Liu, Simonyan & Yang (2019),
https://arxiv.org/abs/1806.09055
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import nn

EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The edges (from, to) of a cell of four nodes, in NAS-Bench-201's order."""


def relu_conv_norm(
    inputs: int, width: int, kernel: int, stride: int = 1, affine: bool = True
) -> nn.Sequential:
    """ReLU, convolution and batch norm: the order of cell spaces.

    Args:
        inputs: Channels in.
        width: Channels out.
        kernel: Size of the convolution, an odd number.
        stride: Its stride.
        affine: Whether the batch norm learns a scale and a shift.
    """
    convolution = nn.Conv2d(inputs, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(width, affine=affine))


def relu_depthwise_norm(
    width: int, kernel: int, stride: int = 1, dilation: int = 1, affine: bool = True
) -> list[nn.Module]:
    """ReLU, depthwise convolution, 1x1 convolution and batch norm, for an `nn.Sequential`.

    Args:
        width: Channels.
        kernel: Size of the depthwise convolution, an odd number.
        stride: Its stride.
        dilation: Its dilation.
        affine: Whether the batch norm learns a scale and a shift.
    """
    depthwise = nn.Conv2d(
        width,
        width,
        kernel,
        stride=stride,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        groups=width,
        bias=False,
    )
    pointwise = nn.Conv2d(width, width, 1, bias=False)
    return [nn.ReLU(), depthwise, pointwise, nn.BatchNorm2d(width, affine=affine)]


class Zero(nn.Module):
    """The operation "none": zeros in place of its input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Zeros of the input's shape."""
        return torch.zeros_like(inputs)


class SumCell(nn.Module):
    """A cell of four nodes, each the sum of its edges from all earlier nodes.

    The first node is the cell's input, the last its output.

    Args:
        make_edge: Makes the layer on the edge between two nodes, given their numbers.
    """

    def __init__(self, make_edge: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {f"{source}_{node}": make_edge(source, node) for source, node in EDGES}
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Images (batch, channels, height, width) to images of the same shape."""
        nodes = [inputs]
        for node in (1, 2, 3):
            edges = [self.edges[f"{source}_{node}"](nodes[source]) for source in range(node)]
            nodes.append(sum(edges[1:], edges[0]))
        return nodes[3]


class Reduction(nn.Module):
    """The residual block between stages; it halves the image.

    Two convolutions stand beside a pooled projection.

    Args:
        inputs: Channels in.
        width: Channels out.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            relu_conv_norm(inputs, width, 3, stride=2), relu_conv_norm(width, width, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(inputs, width, 1, bias=False)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Images (batch, inputs, height, width) to (batch, width, height / 2, width / 2)."""
        return self.branch(inputs) + self.shortcut(inputs)  # type: ignore[no-any-return]
