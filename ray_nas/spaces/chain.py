"""Chain-structured convolutional networks for images: plain stages after Baker et al. (2017,
MetaQNN) and VGG (2015).

https://arxiv.org/abs/1611.02167, https://arxiv.org/abs/1409.1556
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice, scope
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class ChainSpace(ModelSpace):
    """Networks without branches: stages of one to `max_depth` layers, each followed by pooling that
    halves the image.

    A stage `s` has `stage_s.width`, `stage_s.depth`, `stage_s.layer_i` (a 3x3, 5x5 or separable 5x5
    convolution) and `stage_s.pool` (max or avg). With the defaults, 8.8e8 networks; with 5 stages,
    depth 3 and widths up to 512 the space contains VGG-16 (batch-normalised, with a global mean in
    place of its hidden linear layers).

    Args:
        input_shape: Channels, height and width of the images; 2 ** stages pixels or larger.
        num_classes: Outputs of the classifier.
        stages: How many stages.
        max_depth: Most layers in a stage.
        widths: The channels that a stage may have.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        *,
        stages: int = 3,
        max_depth: int = 4,
        widths: Sequence[int] = (16, 32, 64, 128),
    ) -> None:
        check_sizes(num_classes=num_classes, stages=stages, max_depth=max_depth)
        if min(input_shape[1:]) < 2**stages:
            raise ValueError(
                f"input_shape: images must be at least 2 ** stages = {2**stages} pixels wide and high, got {input_shape}"
            )
        super().__init__(
            partial(_Network, input_shape[0], num_classes, stages, max_depth, tuple(widths))
        )
        self.input_shape = input_shape


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: int,
        max_depth: int,
        widths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.stages = nn.Sequential()
        width = in_channels
        for stage in range(stages):
            with scope(f"stage_{stage}"):
                inputs, width = width, ValueChoice("width", widths)
                self.stages.append(Repeat("depth", 1, max_depth, partial(_layer, inputs, width)))
                self.stages.append(
                    LayerChoice(
                        "pool", {"max": partial(nn.MaxPool2d, 2), "avg": partial(nn.AvgPool2d, 2)}
                    )
                )
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.stages(images).mean((2, 3)))  # type: ignore[no-any-return]


def _layer(inputs: int, width: int, index: int) -> nn.Module:
    inputs = inputs if index == 0 else width
    layers: dict[str, Callable[[], nn.Module]] = {
        "conv_3x3": partial(_conv, inputs, width, 3),
        "conv_5x5": partial(_conv, inputs, width, 5),
        "sep_conv_5x5": partial(_separable, inputs, width, 5),
    }
    return LayerChoice(f"layer_{index}", layers)


def _conv(inputs: int, width: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


def _separable(inputs: int, width: int, kernel: int) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False)
    return nn.Sequential(depthwise, *_conv(inputs, width, 1))
