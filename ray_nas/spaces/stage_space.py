"""GPU-friendly stages with compound scaling.

EfficientNet (Tan & Le, 2019), https://arxiv.org/abs/1905.11946; EfficientNet-X (Li et al., 2021),
https://arxiv.org/abs/2102.05610

Depthwise convolutions save operations, but leave a GPU's matrix units idle. A stage may therefore
fuse the widening and the depthwise convolution into one full convolution. One compound coefficient
scales depth, width and resolution together (Eq. 3).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, ValueChoice
from ray_nas.spaces.model.layers import InvertedResidual, conv_norm_activation, pooled_head
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

Stage = tuple[int, int, int]
"""Channels, blocks, and the stride of the first block, before scaling."""
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
"""alpha: the number of blocks grows by this factor with each unit of the coefficient."""
WIDTH: Final = 1.1
"""beta: so do the channels."""
RESOLUTION: Final = 1.15
"""gamma: and the height and width of the images."""


class StageSpace(ModelSpace):
    """Stages of equal blocks, and a compound coefficient for the whole network.

    Stage `s` has `stage_s.block` ("depthwise" or "fused"), `stage_s.kernel`, `stage_s.expansion`,
    `stage_s.squeeze` (squeeze-excite) and `stage_s.extra`, the number of blocks beyond the stage's
    default. `compound` is phi of Eq. 3. The network scales its images to its own resolution, so the
    data need not be loaded again. With the defaults there are 1.0e12 networks, EfficientNet-B0
    among them.

    Args:
        input_shape: Channels, height and width of the images at phi = 0.
        num_classes: Outputs of the classifier.
        stages: Channels, blocks and first stride of each stage at phi = 0.
        compounds: The values of phi, 0 or larger.
        stem_stride: Stride of the first convolution.
        dropout: Rate before the classifier, in [0, 1].

    Raises:
        ValueError: A value of phi is negative, `num_classes` or `stem_stride` is below 1, or there
            is no stage.

    Example:
        >>> space = StageSpace((3, 8, 8), 10, stages=[(16, 1, 1)], stem_stride=1)
        >>> config = space.sample(random_state=0)
        >>> [space.build({**config, "compound": phi}).resolution for phi in (0, 1, 2)]
        [(8, 8), (9, 9), (11, 11)]
    """

    baseline = None

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
        sizes = (input_shape, num_classes, tuple(stages), tuple(compounds), stem_stride, dropout)
        super().__init__(partial(_Network, *sizes))
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
        self.stem = nn.Sequential(
            *conv_norm_activation(input_shape[0], inputs, 3, stem_stride, activation=nn.SiLU)
        )
        self.stages = nn.Sequential()
        for index, (channels, depth, stride) in enumerate(stages):
            width = _channels(channels, phi)
            expansions = [1, 6] if index == 0 else [3, 6]
            with label_prefix(f"stage_{index}"):
                extra = ValueChoice("extra", [0, 1] if depth == 1 else [-1, 0, 1])
                blocks = math.ceil((depth + extra) * DEPTH**phi)
                self.stages.append(_stage(inputs, width, blocks, stride, expansions))
            inputs = width
        last = _channels(1280, phi)
        self.head = pooled_head(inputs, last, nn.SiLU, dropout)
        self.classifier = nn.Linear(last, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = nn.functional.interpolate(
            images, self.resolution, mode="bilinear", align_corners=False
        )
        return self.classifier(self.head(self.stages(self.stem(images))))  # type: ignore[no-any-return]


def _stage(
    inputs: int, width: int, blocks: int, stride: int, expansions: list[int]
) -> nn.Sequential:
    kernel = ValueChoice("kernel", [3, 5])
    expansion = ValueChoice("expansion", expansions)
    squeeze = ValueChoice("squeeze", [False, True])
    layers = nn.Sequential()
    for index in range(blocks):
        before, step = (inputs, stride) if index == 0 else (width, 1)
        sizes = (before, width, kernel, step, expansion, squeeze, nn.SiLU)
        block = partial(InvertedResidual, *sizes)
        fused = partial(InvertedResidual, *sizes, fused=True)
        layers.append(LayerChoice("block", {"depthwise": block, "fused": fused}))
    return layers


def _channels(width: int, phi: float) -> int:
    """The scaled width as a multiple of 8, which suits matrix units, at most a tenth too small."""
    scaled = width * WIDTH**phi
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded
