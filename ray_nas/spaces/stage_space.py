"""GPU-friendly stages with compound scaling (EfficientNet: Tan & Le, 2019; EfficientNet-X: Li et
al., 2021).

https://arxiv.org/abs/1905.11946, https://arxiv.org/abs/2102.05610

Depthwise convolutions save operations, yet leave a GPU's matrix units idle; a stage may therefore
fuse the widening and the depthwise convolution into a full one. One compound coefficient scales
depth, width and resolution together (Eq. 3).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.mobilenet import SqueezeExcite
from ray_nas.spaces.model.choices import LayerChoice, ValueChoice, scope
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

Stage = tuple[int, int, int]
"""Channels, blocks and the stride of the first block, before scaling."""
STAGES: Final[tuple[Stage, ...]] = (
    (16, 1, 1),
    (24, 2, 2),
    (40, 2, 2),
    (80, 3, 2),
    (112, 3, 1),
    (192, 4, 2),
    (320, 1, 1),
)
"""EfficientNet-B0's stages."""
DEPTH: Final = 1.2
"""alpha: the factor of the number of blocks for each unit of the compound coefficient."""
WIDTH: Final = 1.1
"""beta: the factor of the channels."""
RESOLUTION: Final = 1.15
"""gamma: the factor of the images' size."""


class StageSpace(ModelSpace):
    """Stages of equal blocks: kind of block, kernel, expansion and depth per stage, and a compound
    coefficient for all.

    Stage `s` has `stage_s.block` ("depthwise" or "fused"), `stage_s.kernel`, `stage_s.expansion`,
    `stage_s.squeeze` and `stage_s.extra`, the number of blocks more or less than the table's.
    `compound` is phi of Eq. 3. The network scales its images to its own resolution, so that data
    need not be loaded anew. 1.0e12 networks with the defaults, EfficientNet-B0 among them.

    Args:
        input_shape: Channels, height and width of the images at phi = 0.
        num_classes: Outputs of the classifier.
        stages: Channels, blocks and first stride of each stage at phi = 0.
        compounds: The values of phi, 0 or larger.
        stem_stride: Stride of the first convolution.
        dropout: Rate before the classifier.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
        *,
        stages: Sequence[Stage] = STAGES,
        compounds: Sequence[float] = (0, 0.5, 1, 2),
        stem_stride: int = 2,
        dropout: float = 0.2,
    ) -> None:
        check_sizes(num_classes=num_classes, stages=len(stages), stem_stride=stem_stride)
        if min(compounds) < 0:
            raise ValueError(f"compounds must be 0 or larger, got {list(compounds)}")
        super().__init__(
            partial(
                _Network,
                input_shape,
                num_classes,
                tuple(stages),
                tuple(compounds),
                stem_stride,
                dropout,
            )
        )
        self.input_shape = input_shape


class _Network(nn.Module):
    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        stages: tuple[Stage, ...],
        compounds: tuple[float, ...],
        stem_stride: int,
        dropout: float,
    ) -> None:
        super().__init__()
        phi = ValueChoice("compound", compounds)
        self.resolution = tuple(round(size * RESOLUTION**phi) for size in input_shape[1:])
        inputs = _channels(32, phi)
        self.stem = nn.Sequential(*_conv(input_shape[0], inputs, 3, stem_stride))
        self.stages = nn.Sequential()
        for index, (width, depth, stride) in enumerate(stages):
            with scope(f"stage_{index}"):
                extra = ValueChoice("extra", [0, 1] if depth == 1 else [-1, 0, 1])
                blocks = math.ceil((depth + extra) * DEPTH**phi)
                self.stages.append(
                    _stage(
                        inputs,
                        _channels(width, phi),
                        blocks,
                        stride,
                        [1, 6] if index == 0 else [3, 6],
                    )
                )
            inputs = _channels(width, phi)
        last = _channels(1280, phi)
        self.head = nn.Sequential(
            *_conv(inputs, last, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)
        )
        self.classifier = nn.Linear(last, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = nn.functional.interpolate(
            images, self.resolution, mode="bilinear", align_corners=False
        )
        return self.classifier(self.head(self.stages(self.stem(images))))  # type: ignore[no-any-return]


def _stage(
    inputs: int, width: int, blocks: int, stride: int, expansions: list[int]
) -> nn.Sequential:
    kernel, expansion = ValueChoice("kernel", [3, 5]), ValueChoice("expansion", expansions)
    squeeze = ValueChoice("squeeze", [False, True])
    layers = nn.Sequential()
    for index in range(blocks):
        sizes = (
            inputs if index == 0 else width,
            width,
            kernel,
            stride if index == 0 else 1,
            expansion,
            squeeze,
        )
        layers.append(
            LayerChoice(
                "block",
                {
                    "depthwise": partial(_Block, *sizes, False),
                    "fused": partial(_Block, *sizes, True),
                },
            )
        )
    return layers


class _Block(nn.Module):
    """An inverted residual: widen, filter, weigh, project; fused, the first two are one full
    convolution.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        stride: int,
        expansion: int,
        squeeze: bool,
        fused: bool,
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        widens = expansion > 1 and not fused
        self.widen = nn.Sequential(*_conv(inputs, inner, 1, 1)) if widens else nn.Identity()
        self.filter = nn.Sequential(
            *(
                _conv(inputs, inner, kernel, stride)
                if fused
                else _conv(inner, inner, kernel, stride, groups=inner)
            )
        )
        self.weigh = SqueezeExcite(inner, max(1, inputs // 4)) if squeeze else nn.Identity()
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))
        self.residual = stride == 1 and inputs == width

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.project(self.weigh(self.filter(self.widen(inputs))))
        return inputs + outputs if self.residual else outputs  # type: ignore[no-any-return]


def _channels(width: int, phi: float) -> int:
    """The scaled width, a multiple of 8 that is not more than a tenth below it (matrix units
    like multiples of 8).
    """
    scaled = width * WIDTH**phi
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _conv(inputs: int, width: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(
        inputs, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [convolution, nn.BatchNorm2d(width), nn.SiLU()]
