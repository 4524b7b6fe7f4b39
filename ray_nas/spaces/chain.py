"""Chain-structured convolutional networks for images.

Plain stages after MetaQNN (Baker et al., 2017), https://arxiv.org/abs/1611.02167, and VGG (Simonyan
& Zisserman, 2015), https://arxiv.org/abs/1409.1556
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.layers import conv_norm_activation
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class ChainSpace(ModelSpace):
    """Networks without branches: stages of layers, each followed by pooling that halves the image.

    Stage `s` has `stage_s.width`, `stage_s.depth`, `stage_s.layer_i` (a 3x3, 5x5 or separable 5x5
    convolution) and `stage_s.pool` (max or avg). With the defaults there are 8.8e8 networks. With 5
    stages of at most 3 layers and widths up to 512, the space contains VGG-16 (with batch norm, and
    with a global mean in place of the hidden linear layers).

    Args:
        input_shape: Channels, height and width of the images, at least 2 ** stages pixels.
        num_classes: Outputs of the classifier.
        stages: Number of stages.
        max_layers_per_stage: Most layers in a stage.
        widths: The channels that a stage may have.

    Raises:
        ValueError: A number is below 1, or the images are too small.

    Example:
        >>> import torch
        >>> space = ChainSpace(input_shape=(3, 8, 8), stages=1, max_layers_per_stage=1)
        >>> config = {"stage_0.width": 16, "stage_0.depth": 1, "stage_0.pool": "max"}
        >>> network = space.build({**config, "stage_0.layer_0": "conv_3x3"})
        >>> network(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
    """

    baseline = None

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        *,
        stages: int = 3,
        max_layers_per_stage: int = 4,
        widths: Sequence[int] = (16, 32, 64, 128),
    ) -> None:
        check_sizes(
            num_classes=num_classes, stages=stages, max_layers_per_stage=max_layers_per_stage
        )
        if min(input_shape[1:]) < 2**stages:
            raise ValueError(
                f"input_shape: images must be at least 2 ** stages = {2**stages} pixels wide and "
                f"high, got {input_shape}"
            )
        sizes = (input_shape[0], num_classes, stages, max_layers_per_stage, tuple(widths))
        super().__init__(partial(_Network, *sizes))
        self.input_shape = input_shape


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: int,
        max_layers: int,
        widths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.stages = nn.Sequential()
        width = in_channels
        pools: dict[str, Callable[[], nn.Module]] = {
            "max": partial(nn.MaxPool2d, 2),
            "avg": partial(nn.AvgPool2d, 2),
        }
        for stage in range(stages):
            with label_prefix(f"stage_{stage}"):
                inputs = width
                width = ValueChoice("width", widths)
                self.stages.append(Repeat("depth", 1, max_layers, partial(_layer, inputs, width)))
                self.stages.append(LayerChoice("pool", pools))
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
    return nn.Sequential(*conv_norm_activation(inputs, width, kernel))


def _separable(inputs: int, width: int, kernel: int) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False)
    return nn.Sequential(depthwise, *conv_norm_activation(inputs, width, 1))
