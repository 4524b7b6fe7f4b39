"""Macro space of inverted residual blocks (MobileNetV2: Sandler et al., 2018; MnasNet: Tan et al.,
2019).

https://arxiv.org/abs/1801.04381, https://arxiv.org/abs/1807.11626
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.model.choices import Repeat, ValueChoice, scope
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

Stage = tuple[int, int, int]
"""Channels, most blocks, and the stride of the first block."""
STAGES: Final[tuple[Stage, ...]] = (
    (24, 4, 2),
    (32, 4, 2),
    (64, 4, 2),
    (96, 4, 1),
    (160, 4, 2),
    (320, 1, 1),
)
"""MobileNetV2's stages after its first, with room for four blocks in each."""


class MobileNetSpace(ModelSpace):
    """Stages of inverted residual blocks: depth per stage; kernel, expansion and squeeze-excite per
    block.

    Stage `s` has `stage_s.depth`, block `i` of it `stage_s.block_i.kernel`, `.expansion` and
    `.squeeze`. 3.1e26 networks with the defaults, MobileNetV2 among them.

    Args:
        input_shape: Channels, height and width of the images. For small images take stages with
            smaller strides.
        num_classes: Outputs of the classifier.
        stages: Channels, most blocks and first stride of each stage.
        kernels: Sizes that a depthwise convolution may have.
        expansions: Factors by which a block widens inside.
        stem_stride: Stride of the first convolution.
        dropout: Rate before the classifier.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        stages: Sequence[Stage] = STAGES,
        kernels: Sequence[int] = (3, 5, 7),
        expansions: Sequence[int] = (3, 4, 6),
        stem_stride: int = 2,
        dropout: float = 0.2,
    ) -> None:
        check_sizes(num_classes=num_classes, stages=len(stages), stem_stride=stem_stride)
        super().__init__(
            partial(
                _Network,
                input_shape[0],
                num_classes,
                tuple(stages),
                tuple(kernels),
                tuple(expansions),
                stem_stride,
                dropout,
            )
        )
        self.input_shape = input_shape


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: tuple[Stage, ...],
        kernels: tuple[int, ...],
        expansions: tuple[int, ...],
        stem_stride: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_conv(in_channels, 32, 3, stem_stride),
            *_conv(32, 32, 3, 1, groups=32),
            nn.Conv2d(32, 16, 1, bias=False),
            nn.BatchNorm2d(16),
        )
        self.stages = nn.Sequential()
        inputs = 16
        for index, (width, most, stride) in enumerate(stages):
            with scope(f"stage_{index}"):
                self.stages.append(
                    Repeat(
                        "depth",
                        1,
                        most,
                        partial(_block, inputs, width, stride, kernels, expansions),
                    )
                )
            inputs = width
        self.head = nn.Sequential(
            *_conv(inputs, 1280, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)
        )
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.stages(self.stem(images))))  # type: ignore[no-any-return]


def _block(
    inputs: int,
    width: int,
    stride: int,
    kernels: tuple[int, ...],
    expansions: tuple[int, ...],
    index: int,
) -> nn.Module:
    with scope(f"block_{index}"):
        kernel, expansion = ValueChoice("kernel", kernels), ValueChoice("expansion", expansions)
        squeeze = ValueChoice("squeeze", [False, True])
    return InvertedResidual(
        inputs if index == 0 else width,
        width,
        kernel,
        stride if index == 0 else 1,
        expansion,
        squeeze,
    )


class InvertedResidual(nn.Module):
    """Widens by a 1x1 convolution, filters each channel, and projects; with a residual where shapes
    allow it.

    Args:
        inputs: Channels in.
        width: Channels out.
        kernel: Size of the depthwise convolution.
        stride: Its stride.
        expansion: The factor by which channels are widened; at 1 there is no widening convolution.
        squeeze: Whether a squeeze-excite unit weighs the widened channels.
    """

    def __init__(
        self, inputs: int, width: int, kernel: int, stride: int, expansion: int, squeeze: bool
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.widen = nn.Sequential(*_conv(inputs, inner, 1, 1)) if expansion > 1 else nn.Identity()
        self.filter = nn.Sequential(*_conv(inner, inner, kernel, stride, groups=inner))
        self.weigh = SqueezeExcite(inner, max(1, inputs // 4)) if squeeze else nn.Identity()
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))
        self.residual = stride == 1 and inputs == width

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Images (batch, inputs, height, width) to (batch, width, height / stride, width /
        stride).
        """
        outputs = self.project(self.weigh(self.filter(self.widen(inputs))))
        return inputs + outputs if self.residual else outputs  # type: ignore[no-any-return]


class SqueezeExcite(nn.Module):
    """Weighs channels by what their means say (Hu et al., 2018,
    https://arxiv.org/abs/1709.01507).
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
        """The inputs, each channel times its weight."""
        return inputs * self.gate(inputs)  # type: ignore[no-any-return]


def _conv(inputs: int, width: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(
        inputs, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [convolution, nn.BatchNorm2d(width), nn.ReLU6()]
