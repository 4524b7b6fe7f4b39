"""Layers of macro spaces: convolutions with norm and activation, inverted residuals.

Sandler et al. (2018), https://arxiv.org/abs/1801.04381; squeeze-excite: Hu et al. (2018),
https://arxiv.org/abs/1709.01507; fused blocks: Gupta & Akin (2020),
https://arxiv.org/abs/2003.02838
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn


def conv_norm_activation(
    inputs: int,
    width: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> list[nn.Module]:
    """A convolution, its batch norm and its activation, for an `nn.Sequential`.

    Padded by `kernel // 2`: images of (height, width) become (height / stride, width / stride).

    Args:
        inputs: Channels in.
        width: Channels out.
        kernel: Size of the convolution, an odd number.
        stride: Its stride.
        groups: Its groups; `inputs` for a depthwise convolution.
        activation: Makes the activation.
    """
    convolution = nn.Conv2d(
        inputs, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [convolution, nn.BatchNorm2d(width), activation()]


def pooled_head(
    inputs: int, width: int, activation: Callable[[], nn.Module], dropout: float
) -> nn.Sequential:
    """A 1x1 convolution, global pooling and dropout: images (batch, inputs, h, w) to vectors.

    Args:
        inputs: Channels in.
        width: Entries of a vector.
        activation: Makes the activation.
        dropout: Rate, in [0, 1].
    """
    return nn.Sequential(
        *conv_norm_activation(inputs, width, 1, activation=activation),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
    )


def interleaved(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenates channels in turn: the first of each part, the second of each, ...

    Narrower networks of a supernet then use leading channels of every part.

    Args:
        parts: Tensors (batch, channels, ...) of one shape.

    Returns:
        A tensor (batch, channels * number of parts, ...).
    """
    return torch.stack(list(parts), 2).flatten(1, 2)


class InvertedResidual(nn.Module):
    """Widens by a 1x1 convolution, filters each channel, and projects back.

    Adds its input to the result where their shapes are equal.

    Args:
        inputs: Channels in.
        width: Channels out.
        kernel: Size of the depthwise convolution.
        stride: Its stride.
        expansion: Factor by which the channels are widened; 1 leaves the widening out.
        squeeze: Whether a squeeze-excite unit scales the widened channels.
        activation: Makes the activations.
        fused: Whether one full convolution replaces the widening and the depthwise one.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        stride: int,
        expansion: int,
        squeeze: bool,
        activation: Callable[[], nn.Module] = nn.ReLU6,
        fused: bool = False,
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.widen: nn.Module = nn.Identity()
        if expansion > 1 and not fused:
            layers = conv_norm_activation(inputs, inner, 1, activation=activation)
            self.widen = nn.Sequential(*layers)
        before, groups = (inputs, 1) if fused else (inner, inner)
        self.filter = nn.Sequential(
            *conv_norm_activation(before, inner, kernel, stride, groups, activation)
        )
        self.weigh = SqueezeExcite(inner, max(1, inputs // 4)) if squeeze else nn.Identity()
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))
        self.residual = stride == 1 and inputs == width

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Images (batch, inputs, h, w) to (batch, width, h / stride, w / stride)."""
        outputs = self.project(self.weigh(self.filter(self.widen(inputs))))
        return inputs + outputs if self.residual else outputs  # type: ignore[no-any-return]


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from the means of all channels.

    Args:
        width: Channels.
        squeezed: Hidden units of the gate.
    """

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, squeezed, 1),
            nn.SiLU(),
            nn.Conv2d(squeezed, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scales images (batch, width, height, width of the image)."""
        return inputs * self.gate(inputs)  # type: ignore[no-any-return]
