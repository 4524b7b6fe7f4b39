"""Encoder-decoder networks with skip connections, for a class of each pixel.

U-Net (Ronneberger et al., 2015), https://arxiv.org/abs/1505.04597
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.layers import conv_norm_activation, interleaved
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class SegmentationSpace(ModelSpace):
    """U-Nets: levels that halve the image, and their way back.

    Inputs are images (batch, channels, height, width) of any size, outputs the logits of each pixel
    (batch, classes, height, width). Level `i` has `width * 2**i` channels; `levels` is how often
    the image is halved. Each level has `level_i.block` ("conv", "depthwise" or "residual") repeated
    `level_i.blocks` times on the way down and up, and `level_i.skip`: what the way up gets of the
    way down, concatenated ("concat"), added ("add") or not ("none"). `upsampling` is "transposed"
    convolution or "bilinear".

    The `baseline` is U-Net with batch norm and the largest width and number of levels.

    Args:
        input_shape: Channels, height and width of the images.
        num_classes: Classes of a pixel.
        widths: Channels of the first level.
        max_levels: Most halvings, at least 1; height and width must be at least `2**max_levels`.
        max_blocks: Most blocks of a level.

    Raises:
        ValueError: A number is below 1, or the images are too small.

    Example:
        >>> import torch
        >>> space = SegmentationSpace((1, 16, 16), 3, widths=[4, 8], max_levels=2)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.zeros(2, 1, 16, 16)).shape
        torch.Size([2, 3, 16, 16])
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        max_levels: int = 4,
        max_blocks: int = 2,
    ) -> None:
        check_sizes(num_classes=num_classes, max_levels=max_levels, max_blocks=max_blocks)
        if min(input_shape[1:]) < 2**max_levels:
            raise ValueError(
                f"input_shape must have at least {2**max_levels} pixels a side for {max_levels} "
                f"levels, got {tuple(input_shape)}"
            )
        sizes = (input_shape[0], num_classes, tuple(widths), max_levels, max_blocks)
        super().__init__(partial(_Network, *sizes))
        self.input_shape = input_shape

    @property
    def baseline(self) -> Config:
        """U-Net: two convolutions a level, concatenated skips, transposed convolutions."""
        wanted = {"upsampling": "transposed"}
        largest = {
            name: max(domain["values"])
            for name, domain in self.domains.items()
            if name in ("width", "levels") or name.endswith(".blocks")
        }
        for name in self.domains:
            if name.endswith(".block"):
                wanted[name] = "conv"
            elif name.endswith(".skip"):
                wanted[name] = "concat"
        return self.complete(wanted | largest)


class _Network(nn.Module):
    def __init__(
        self,
        channels: int,
        num_classes: int,
        widths: tuple[int, ...],
        max_levels: int,
        max_blocks: int,
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        upsampling = ValueChoice("upsampling", ["transposed", "bilinear"])
        level = partial(_Level, channels, width, upsampling, max_blocks)
        self.levels = Repeat("levels", 1, max_levels, level)
        with label_prefix("bottom"):
            deepest = width * 2 ** len(self.levels)
            self.bottom = _blocks(deepest // 2, deepest, max_blocks)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values, passed = images, []
        for level in self.levels:
            passed.append(level(values))
            values = nn.functional.max_pool2d(passed[-1], 2, ceil_mode=True)
        values = self.bottom(values)
        for level, skipped in zip(reversed(self.levels), reversed(passed), strict=True):
            values = level(values, skipped)
        return self.classifier(values)  # type: ignore[no-any-return]


class _Level(nn.Module):
    """The blocks of one size of the image, on the way down (`down`) and on the way up."""

    def __init__(
        self, channels: int, width: int, upsampling: str, max_blocks: int, index: int
    ) -> None:
        super().__init__()
        own = width * 2**index
        with label_prefix(f"level_{index}"):
            self.skip = ValueChoice("skip", ["concat", "add", "none"])
            self.down = _blocks(own // 2 if index else channels, own, max_blocks)
            self.rise: nn.Module = (
                nn.ConvTranspose2d(2 * own, own, 2, stride=2)
                if upsampling == "transposed"
                else nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2 * own, own, 1)
                )
            )
            self.up = _blocks(2 * own if self.skip == "concat" else own, own, max_blocks)

    def forward(self, values: torch.Tensor, skipped: torch.Tensor | None = None) -> torch.Tensor:
        """The way up with what was skipped; without it, the way down."""
        if skipped is None:
            return self.down(values)  # type: ignore[no-any-return]
        height, width = skipped.shape[2:]
        values = self.rise(values)[:, :, :height, :width]
        if self.skip == "concat":
            values = interleaved([values, skipped])
        elif self.skip == "add":
            values = values + skipped
        return self.up(values)  # type: ignore[no-any-return]


def _blocks(inputs: int, width: int, max_blocks: int) -> nn.Module:
    def block(index: int) -> nn.Module:
        sizes = (inputs if index == 0 else width, width)
        kinds: dict[str, Callable[[], nn.Module]] = {
            "conv": lambda: nn.Sequential(*conv_norm_activation(*sizes, 3)),
            "depthwise": lambda: nn.Sequential(
                *conv_norm_activation(sizes[0], sizes[0], 3, groups=sizes[0]),
                *conv_norm_activation(*sizes, 1),
            ),
            "residual": partial(_Residual, *sizes),
        }
        return LayerChoice("block", kinds)

    return Repeat("blocks", 1, max_blocks, block)


class _Residual(nn.Module):
    """Two convolutions, and a shortcut around them."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *conv_norm_activation(inputs, width, 3), *conv_norm_activation(width, width, 3)[:2]
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != width:
            self.shortcut = nn.Conv2d(inputs, width, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (self.layers(images) + self.shortcut(images)).relu()  # type: ignore[no-any-return]
