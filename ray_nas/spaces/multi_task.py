"""Several tasks in one network: a shared trunk, where each task leaves it, and its own head.

Hard and soft parameter sharing: Ruder (2017), https://arxiv.org/abs/1706.05098; where to branch: Lu
et al. (2017), https://arxiv.org/abs/1611.05377
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import LayerChoice, ValueChoice
from ray_nas.spaces.model.layers import conv_norm_activation
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class MultiTaskSpace(ModelSpace):
    """Convolutional networks for several tasks on the same images.

    Inputs are images (batch, channels, height, width); outputs a dict of task to (batch, outputs).
    All tasks have `depth` blocks of `width` channels; every second block halves the image. A task
    shares its first `TASK.shared` blocks with all others that share as many, and has its own from
    there. `block_i.kind` ("conv" or "depthwise") and `block_i.kernel` hold for block `i` of every
    task; `TASK.hidden` is the width of the task's head, 0 for a single layer.

    The `baseline` shares everything: hard parameter sharing, with the largest trunk.

    Args:
        input_shape: Channels, height and width of the images.
        tasks: Name of a task to its outputs: classes, or targets of a regression.
        widths: Channels of the blocks.
        depth: Number of blocks.
        hidden: Widths of a head; 0 for none.

    Raises:
        ValueError: There are fewer than two tasks, or a number is below 1.

    Example:
        >>> import torch
        >>> space = MultiTaskSpace((1, 8, 8), {"digit": 10, "parity": 2}, widths=[4], depth=2)
        >>> outputs = space.build(space.baseline)(torch.zeros(3, 1, 8, 8))
        >>> {task: tuple(values.shape) for task, values in outputs.items()}
        {'digit': (3, 10), 'parity': (3, 2)}
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        tasks: Mapping[str, int],
        *,
        widths: Sequence[int] = (16, 32, 64),
        depth: int = 4,
        hidden: Sequence[int] = (0, 32, 64),
    ) -> None:
        if len(tasks) < 2:
            raise ValueError(f"tasks must be two or more, got {list(tasks)}")
        check_sizes(depth=depth, channels=input_shape[0], **tasks)
        sizes = (input_shape[0], dict(tasks), tuple(widths), depth, tuple(hidden))
        super().__init__(partial(_Network, *sizes))
        self.input_shape = input_shape

    @property
    def baseline(self) -> Config:
        """All blocks are shared; each head is one layer."""
        wanted = {
            name: max(domain["values"])
            for name, domain in self.domains.items()
            if name == "width" or name.endswith(".shared")
        }
        return self.complete(wanted)


class _Network(nn.Module):
    def __init__(
        self,
        channels: int,
        tasks: Mapping[str, int],
        widths: tuple[int, ...],
        depth: int,
        hidden: tuple[int, ...],
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        blocks = [
            partial(_block, index, width if index else channels, width) for index in range(depth)
        ]
        self.shared: dict[str, int] = {}
        self.heads = nn.ModuleDict()
        for task, outputs in tasks.items():
            with label_prefix(task):
                self.shared[task] = ValueChoice("shared", list(range(depth + 1)))
                self.heads[task] = _head(width, outputs, ValueChoice("hidden", hidden))
        self.trunk = nn.ModuleList(block() for block in blocks[: max(self.shared.values())])
        self.branches = nn.ModuleDict(
            {
                task: nn.Sequential(
                    OrderedDict((str(index), blocks[index]()) for index in range(shared, depth))
                )
                for task, shared in self.shared.items()
            }
        )

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        values = [images]
        for block in self.trunk:
            values.append(block(values[-1]))
        return {
            task: self.heads[task](branch(values[self.shared[task]]).mean((2, 3)))
            for task, branch in self.branches.items()
        }


def _head(width: int, outputs: int, hidden: int) -> nn.Sequential:
    if hidden == 0:
        return nn.Sequential(nn.Linear(width, outputs))
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _block(index: int, inputs: int, width: int) -> nn.Module:
    stride = 1 + index % 2
    with label_prefix(f"block_{index}"):
        kernel = ValueChoice("kernel", [3, 5])
        return LayerChoice(
            "kind",
            {
                "conv": lambda: nn.Sequential(*conv_norm_activation(inputs, width, kernel, stride)),
                "depthwise": lambda: nn.Sequential(
                    *conv_norm_activation(inputs, inputs, kernel, stride, groups=inputs),
                    *conv_norm_activation(inputs, width, 1),
                ),
            },
        )
