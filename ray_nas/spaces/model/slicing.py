"""How a smaller layer's tensors are cut out of the largest: leading channels, centred kernels.

Each kind of layer has a rule, found by its type or its nearest base class with a rule. A layer
without one may be part of a supernet if its tensors have one shape in the whole space.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

View = Callable[[str, torch.Tensor, torch.Size], torch.Tensor]
"""Takes a tensor's name in its layer, the largest tensor and a shape; returns a part of it."""


@dataclass(frozen=True)
class Slicing:
    """The rule of one kind of layer.

    Example:
        >>> import torch
        >>> Slicing(leading).view("weight", torch.arange(6.0).reshape(2, 3), torch.Size([1, 2]))
        tensor([[0., 1.]])
    """

    view: View
    """Cuts each of the layer's tensors.

    It should return views, so that running statistics reach the shared tensor.
    """
    invariant: Callable[[nn.Module], Hashable] = lambda layer: None
    """A property that two sizes of one layer must share.

    Otherwise slices would mix what does not belong together.
    """
    meaning: str = ""
    """The invariant in words, for the error message."""


_rules: dict[type[nn.Module], Slicing] = {}


def register_slicing(layer: type[nn.Module], rule: Slicing) -> None:
    """Sets how layers of this type are cut in a supernet.

    The rule also holds for subclasses that have no rule.

    Raises:
        TypeError: `layer` is no subclass of `nn.Module`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self, width):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(torch.ones(width))
        >>> register_slicing(Scale, Slicing(leading))
    """
    if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
        raise TypeError(f"layer must be a subclass of nn.Module, got {layer!r}")
    _rules[layer] = rule


def slicing_of(layer: type[nn.Module]) -> Slicing | None:
    """The rule for layers of a type; None if there is none."""
    return next((_rules[kind] for kind in layer.__mro__ if kind in _rules), None)


def leading(name: str, full: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The first entries along each dimension."""
    for dim, length in enumerate(shape):
        full = full.narrow(dim, 0, length)
    return full


def centred(name: str, full: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The first channels (dimensions 0 and 1) and the middle of the kernel."""
    for dim, length in enumerate(shape):
        start = (full.shape[dim] - length) // 2 if dim >= 2 else 0
        full = full.narrow(dim, start, length)
    return full


def stacked(count: int, prefixes: tuple[str, ...]) -> View:
    """For tensors that stack `count` matrices along dimension 0, such as queries, keys, values.

    The first entries of each matrix are used.

    Args:
        count: Number of matrices.
        prefixes: The stacked tensors' names begin with one of these.
    """

    def view(name: str, full: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        if not name.startswith(prefixes) or full.shape == shape:
            return leading(name, full, shape)
        part = torch.Size([shape[0] // count, *shape[1:]])
        return torch.cat([leading(name, block, part) for block in full.chunk(count)])

    return view


def _channels_per_group(layer: nn.Module) -> Hashable:
    groups: int = layer.groups  # type: ignore[assignment]
    if groups == 1:
        return None
    return layer.in_channels // groups, layer.out_channels // groups  # type: ignore[operator]


def _head_width(layer: nn.Module) -> Hashable:
    return layer.head_dim


def _hidden_of_two_directions(layer: nn.Module) -> Hashable:
    return layer.hidden_size if layer.bidirectional else None


_CONVOLUTION: Final = Slicing(centred, _channels_per_group, "the channels per group")
_LEADING: Final = Slicing(leading)

_GATES: Final[dict[type[nn.Module], int]] = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}
_CONVOLUTIONS: Final[list[type[nn.Module]]] = [
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
]
_PER_CHANNEL: Final[list[type[nn.Module]]] = [
    *(nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm, nn.PReLU),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.GroupNorm),
]

for _kind in _CONVOLUTIONS:
    register_slicing(_kind, _CONVOLUTION)
for _kind in _PER_CHANNEL:
    register_slicing(_kind, _LEADING)
register_slicing(
    nn.MultiheadAttention, Slicing(stacked(3, ("in_proj",)), _head_width, "the width of a head")
)
for _kind, _count in _GATES.items():
    rule = Slicing(
        stacked(_count, ("weight", "bias")),
        _hidden_of_two_directions,
        "the hidden size of a bidirectional layer",
    )
    register_slicing(_kind, rule)
