"""The proxies by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch

Compute = Callable[[nn.Module, Batch, torch.Generator], float | tuple[float, ...]]
"""Called with a network that it may change, a batch and a generator on the CPU."""
Computes = TypeVar("Computes", bound=Compute)


@dataclass(frozen=True)
class Proxy:
    """How some values are computed; one call computes all of them."""

    names: tuple[str, ...]
    """The names of the values, in their order."""
    compute: Compute
    """One value, or as many as there are names; larger is better for each."""
    needs_labels: bool
    """Whether the batch must have labels."""
    needs_values: bool
    """Whether the network's tensors must have values, which those on the meta device lack."""
    device: str | None
    """The device that the network is moved to; None for its own."""


PROXIES: Final[dict[str, Proxy]] = {}
"""The proxy that computes each name."""


def proxy(
    *names: str, needs_labels: bool = False, needs_values: bool = True, device: str | None = None
) -> Callable[[Computes], Computes]:
    """Registers a function under one name, or under the name of each value that it returns.

    The function gets a network that it may change (`preserved_network`), in train mode with
    dropout off and gradients for all parameters.

    Args:
        names: Names that no other proxy has.
        needs_labels: Whether the batch must have labels.
        needs_values: False if the network may be on the meta device.
        device: Where the function gets network and batch; None for the network's own device.

    Raises:
        ValueError: A name is taken.

    Example:
        >>> from ray_nas.estimators import proxies
        >>> @proxy("depth")
        ... def depth(network, batch, rng):
        ...     return float(len(list(network.modules())))
        >>> batch = (torch.zeros(2, 3), None)
        >>> proxies.score(nn.Linear(3, 1), ["depth"], batch, rng=torch.Generator())
        {'depth': 1.0}
        >>> del PROXIES["depth"]
    """

    def register(compute: Computes) -> Computes:
        for name in names:
            if name in PROXIES:
                raise ValueError(f"a proxy's name must be new, but there is one named {name!r}")
        registered = Proxy(names, compute, needs_labels, needs_values, device)
        PROXIES.update(dict.fromkeys(names, registered))
        return compute

    return register
