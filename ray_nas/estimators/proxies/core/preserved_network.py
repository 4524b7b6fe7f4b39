"""A context in which a network may be changed; afterwards it is as it was, bit for bit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

Value = TypeVar("Value")
Copies = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def preserved_network(
    network: nn.Module,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Iterator[None]:
    """Lends the network out: inside, its parameters and buffers are copies.

    Code inside may train, convert, re-initialise and hook the network, or fail. Afterwards every
    module has its own tensors (which nothing has touched: values, gradients, hooks,
    `requires_grad`), modes, hooks and attributes. Lists, dicts and sets that are attributes get
    their items back; what lies deeper is not looked at.

    Args:
        network: Any module.
        device: Of the copies; None for that of each tensor.
        dtype: Of floating-point copies; None for that of each tensor.

    Example:
        >>> network = nn.Linear(2, 1)
        >>> with preserved_network(network):
        ...     _ = nn.init.zeros_(network.weight), network.eval()
        >>> network.training, bool((network.weight == 0).any())
        (True, False)
    """
    modules = list(network.modules())
    states = [_State(module) for module in modules]
    try:
        copies = _copier(device, dtype)
        for module in modules:
            _use_copies(module, copies)
        yield
    finally:
        for state in states:
            state.restore()


class _State:
    """The attributes of one module, and the items of those that are lists, dicts or sets."""

    def __init__(self, module: nn.Module) -> None:
        self._attributes = vars(module)
        self._values = dict(self._attributes)
        self._items = [
            (value, value.copy())
            for value in self._values.values()
            if isinstance(value, list | dict | set)
        ]

    def restore(self) -> None:
        self._attributes.clear()
        self._attributes.update(self._values)
        for container, items in self._items:
            container.clear()
            if isinstance(container, list):
                container.extend(items)
            else:
                container.update(items)


def _use_copies(module: nn.Module, copies: Copies) -> None:
    attributes = vars(module)
    for tensors in (attributes["_parameters"], attributes["_buffers"], attributes):
        for name, value in tensors.items():
            if isinstance(value, torch.Tensor):
                tensors[name] = copies(value)


def _copier(device: torch.device | str | None, dtype: torch.dtype | None) -> Copies:
    """Copies each tensor once, so that shared ones stay shared."""
    made: dict[int, torch.Tensor] = {}

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            new_dtype = dtype if tensor.is_floating_point() else None
            # In the memory format that the original has.
            bare = tensor.detach().to(device, new_dtype, copy=True)
            is_parameter = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = nn.Parameter(bare, tensor.requires_grad) if is_parameter else bare
        return made[id(tensor)]

    return copy
