"""Layers that cell spaces share, as NAS-Bench-201 defines them (Dong & Yang, 2020):
https://arxiv.org/abs/2001.00326.
"""

import torch
from torch import nn


def relu_conv_norm(inputs: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution between its activation and its batch norm, in the order of cell spaces."""
    convolution = nn.Conv2d(inputs, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(width))


class Zero(nn.Module):
    """Zeros in place of its input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Zeros of the input's shape."""
        return torch.zeros_like(inputs)


class Reduction(nn.Module):
    """The residual block between stages: two convolutions beside a pooled projection; halves the
    image.
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
