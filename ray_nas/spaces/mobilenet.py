"""Macro space of inverted residual blocks.

MobileNetV2 (Sandler et al., 2018), https://arxiv.org/abs/1801.04381; MnasNet (Tan et al., 2019),
https://arxiv.org/abs/1807.11626
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import nn

from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import Repeat, ValueChoice
from ray_nas.spaces.model.layers import InvertedResidual, conv_norm_activation, pooled_head
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
    """Stages of inverted residual blocks: a depth per stage, three choices per block.

    Stage `s` has `stage_s.depth`; its block `i` has `stage_s.block_i.kernel`, `.expansion` and
    `.squeeze` (squeeze-excite). With the defaults there are 3.1e26 networks, MobileNetV2 among
    them.

    Args:
        input_shape: Channels, height and width of the images. Small images need stages with smaller
            strides.
        num_classes: Outputs of the classifier.
        stages: Channels, most blocks and first stride of each stage.
        kernels: Sizes that a depthwise convolution may have, odd numbers.
        expansions: Factors by which a block widens inside.
        stem_stride: Stride of the first convolution.
        dropout: Rate before the classifier, in [0, 1].

    Raises:
        ValueError: `num_classes` or `stem_stride` is below 1, or there is no stage.

    Example:
        >>> print(MobileNetSpace((3, 8, 8), 10, stages=[(16, 1, 1)], stem_stride=1))
        MobileNetSpace: 18 architectures
          stage_0.block_0.kernel: 3, 5, 7
          stage_0.block_0.expansion: 3, 4, 6
          stage_0.block_0.squeeze: False, True
    """

    baseline = None

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
        block = partial(_block, kernels=tuple(kernels), expansions=tuple(expansions))
        sizes = (input_shape[0], num_classes, tuple(stages), block, stem_stride, dropout)
        super().__init__(partial(_Network, *sizes))
        self.input_shape = input_shape


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: tuple[Stage, ...],
        block: "partial[nn.Module]",
        stem_stride: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *conv_norm_activation(in_channels, 32, 3, stem_stride, activation=nn.ReLU6),
            *conv_norm_activation(32, 32, 3, groups=32, activation=nn.ReLU6),
            nn.Conv2d(32, 16, 1, bias=False),
            nn.BatchNorm2d(16),
        )
        self.stages = nn.Sequential()
        inputs = 16
        for index, (width, most, stride) in enumerate(stages):
            with label_prefix(f"stage_{index}"):
                make = partial(block, inputs, width, stride)
                self.stages.append(Repeat("depth", 1, most, make))
            inputs = width
        self.head = pooled_head(inputs, 1280, nn.ReLU6, dropout)
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.stages(self.stem(images))))  # type: ignore[no-any-return]


def _block(
    inputs: int,
    width: int,
    stride: int,
    index: int,
    *,
    kernels: tuple[int, ...],
    expansions: tuple[int, ...],
) -> nn.Module:
    with label_prefix(f"block_{index}"):
        kernel = ValueChoice("kernel", kernels)
        expansion = ValueChoice("expansion", expansions)
        squeeze = ValueChoice("squeeze", [False, True])
    if index > 0:
        return InvertedResidual(width, width, kernel, 1, expansion, squeeze)
    return InvertedResidual(inputs, width, kernel, stride, expansion, squeeze)
