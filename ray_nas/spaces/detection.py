"""Object detectors: a backbone, a neck over its levels, and an anchor-free head.

FCOS (Tian et al., 2019), https://arxiv.org/abs/1904.01355; feature pyramids (Lin et al., 2017),
https://arxiv.org/abs/1612.03144; path aggregation (Liu et al., 2018),
https://arxiv.org/abs/1803.01534
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, Repeat, ValueChoice
from ray_nas.spaces.model.layers import InvertedResidual, conv_norm_activation
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class DetectionSpace(ModelSpace):
    """Anchor-free detectors over several resolutions.

    Inputs are images (batch, channels, height, width). The output is a list with one tensor for
    each level, finest first: (batch, classes + 5, height / stride, width / stride), strides 4, 8,
    ... At each place it holds the classes' logits, the distances to the box's left, top, right and
    bottom edge (after softplus, in strides), and the centre-ness' logit.

    The backbone has one stage for each level: `stage_i.block` ("conv" or "inverted") repeated
    `stage_i.blocks` times, `width * 2**i` channels. The neck, of `neck_width` channels, is
    `neck`: "none", "fpn" (coarse to fine) or "pan" (and back). The head, shared by all levels, has
    `head.blocks` convolutions.

    The `baseline` is FCOS's shape: the widest backbone, FPN, the deepest head.

    Args:
        input_shape: Channels, height and width of the images.
        num_classes: Classes of an object.
        widths: Channels of the first stage.
        neck_widths: Channels of the neck and the head.
        levels: Number of levels, at least 1; height and width must be at least `2 * 2**levels`.
        max_blocks: Most blocks of a stage.
        max_head_blocks: Most convolutions of the head.

    Raises:
        ValueError: A number is below 1, or the images are too small.

    Example:
        >>> import torch
        >>> space = DetectionSpace((3, 32, 32), 2, widths=[8], neck_widths=[8], levels=2)
        >>> [tuple(level.shape) for level in space.build(space.baseline)(torch.zeros(1, 3, 32, 32))]
        [(1, 7, 8, 8), (1, 7, 4, 4)]
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        neck_widths: Sequence[int] = (32, 64, 128),
        levels: int = 3,
        max_blocks: int = 2,
        max_head_blocks: int = 4,
    ) -> None:
        check_sizes(num_classes=num_classes, levels=levels, max_blocks=max_blocks)
        check_sizes(max_head_blocks=max_head_blocks)
        if min(input_shape[1:]) < 2 * 2**levels:
            raise ValueError(
                f"input_shape must have at least {2 * 2**levels} pixels a side for {levels} "
                f"levels, got {tuple(input_shape)}"
            )
        sizes = (input_shape[0], num_classes, tuple(widths), tuple(neck_widths))
        super().__init__(partial(_Network, *sizes, levels, max_blocks, max_head_blocks))
        self.input_shape = input_shape

    @property
    def baseline(self) -> Config:
        """FCOS's shape: convolutions, a feature pyramid, and the deepest head."""
        domains = self.domains
        largest = {
            name: max(domain["values"])
            for name, domain in domains.items()
            if name.endswith(("width", "blocks"))
        }
        blocks = {name: "conv" for name in domains if name.endswith(".block")}
        return self.complete({"neck": "fpn", **blocks, **largest})


class _Network(nn.Module):
    def __init__(
        self,
        channels: int,
        num_classes: int,
        widths: tuple[int, ...],
        neck_widths: tuple[int, ...],
        levels: int,
        max_blocks: int,
        max_head_blocks: int,
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        self.stem = nn.Sequential(*conv_norm_activation(channels, width, 3, 2))
        sizes = [width, *(width * 2**level for level in range(levels))]
        self.stages = nn.ModuleList(
            _stage(level, sizes[level], sizes[level + 1], max_blocks) for level in range(levels)
        )
        neck_width = ValueChoice("neck_width", neck_widths)
        self.neck = _Neck(sizes[1:], neck_width, ValueChoice("neck", ["none", "fpn", "pan"]))
        with label_prefix("head"):
            self.head = Repeat(
                "blocks",
                1,
                max_head_blocks,
                lambda _: nn.Sequential(*conv_norm_activation(neck_width, neck_width, 3)),
            )
        self.classes = nn.Conv2d(neck_width, num_classes, 3, padding=1)
        self.boxes = nn.Conv2d(neck_width, 4, 3, padding=1)
        self.centres = nn.Conv2d(neck_width, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(levels))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        values, found = self.stem(images), []
        for stage in self.stages:
            values = stage(values)
            found.append(values)
        outputs = []
        for scale, level in zip(self.scales, self.neck(found), strict=True):
            seen = self.head(level)
            boxes = nn.functional.softplus(scale * self.boxes(seen))
            outputs.append(torch.cat([self.classes(seen), boxes, self.centres(seen)], 1))
        return outputs


def _stage(level: int, inputs: int, width: int, max_blocks: int) -> nn.Module:
    def block(index: int) -> nn.Module:
        before, stride = (inputs, 2) if index == 0 else (width, 1)
        kinds: dict[str, Callable[[], nn.Module]] = {
            "conv": lambda: nn.Sequential(*conv_norm_activation(before, width, 3, stride)),
            "inverted": partial(InvertedResidual, before, width, 3, stride, 3, False, nn.ReLU),
        }
        return LayerChoice("block", kinds)

    with label_prefix(f"stage_{level}"):
        return Repeat("blocks", 1, max_blocks, block)


class _Neck(nn.Module):
    """All levels with one width; coarse levels add to finer ones, and back with "pan"."""

    def __init__(self, inputs: Sequence[int], width: int, kind: str) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(size, width, 1) for size in inputs)
        self.adds_coarse = kind != "none"
        self.down = nn.ModuleList(
            nn.Sequential(*conv_norm_activation(width, width, 3, 2))
            for _ in (inputs[1:] if kind == "pan" else ())
        )

    def forward(self, levels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        values = [layer(level) for layer, level in zip(self.lateral, levels, strict=True)]
        if self.adds_coarse:
            for level in range(len(values) - 2, -1, -1):
                coarse = nn.functional.interpolate(values[level + 1], values[level].shape[2:])
                values[level] = values[level] + coarse
        for level, down in enumerate(self.down, 1):
            values[level] = values[level] + down(values[level - 1])
        return values
