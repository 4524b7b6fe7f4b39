"""Scores a network by proxies, and leaves it as it was."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from ray_nas.estimators.proxies.core.batches import Batch, check_batch
from ray_nas.estimators.proxies.core.preserved_network import preserved_network
from ray_nas.estimators.proxies.core.proxy_errors import ProxyError, UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import PROXIES, Proxy
from ray_nas.trials.seeding import seeded

_FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a network raises that does not suit a batch or a proxy."""


def score(
    network: nn.Module,
    names: Sequence[str],
    batch: tuple[Any, torch.Tensor | None],
    *,
    rng: torch.Generator,
) -> dict[str, float]:
    """Scores a network that need not be trained; larger is better for every proxy.

    The network comes back as it was: parameters, buffers, modes, hooks, gradients. Each proxy
    draws from a generator of its own, so that a value does not depend on the other names; torch's
    global generator is restored. Proxies compute in float32 (float64 networks in float64), in
    train mode with dropout off, on the network's device; frozen parameters count like others.

    Args:
        network: Any module.
        names: Names in `PROXIES`.
        batch: `(inputs, labels)`. The inputs are a tensor, or a tuple of positional or a dict of
            keyword arguments; the labels are classes of shape (examples,) or targets of the
            outputs' shape, and None where no proxy needs them.
        rng: A generator on the CPU; one number is drawn.

    Returns:
        The values by name. Non-finite ones stay as they are.

    Raises:
        ProxyError: A proxy cannot be computed: the network does not take the batch, or lacks what
            the proxy measures. Names the proxy and the reason.
        ValueError: A name is unknown, or the batch is no pair of inputs and labels.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> batch = (torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), None)
        >>> values = score(network, ["params", "naswot"], batch, rng=torch.Generator())
        >>> values["params"]
        58.0
    """
    checked, proxies = check_batch(batch), _find(names)
    seed = int(torch.randint(2**62, (), generator=rng))
    values: dict[str, float] = {}
    for proxy in proxies:
        name = next(name for name in names if name in proxy.names)
        try:
            values |= zip(proxy.names, _compute(proxy, network, checked, seed), strict=True)
        except UnsuitableNetworkError as error:
            raise ProxyError(name, str(error)) from error
        except torch.OutOfMemoryError:
            raise
        except _FAILURES as error:
            reason = f"{type(error).__name__} in {type(network).__name__}: {error}"
            raise ProxyError(name, reason) from error
    return {name: values[name] for name in names}


def _find(names: Sequence[str]) -> list[Proxy]:
    if isinstance(names, str):
        raise ValueError(f"names must be a sequence of names, got the text {names!r}")
    for name in names:
        if name not in PROXIES:
            raise ValueError(f"names must be in {', '.join(sorted(PROXIES))}, got {name!r}")
    return list({id(PROXIES[name]): PROXIES[name] for name in names}.values())


def _compute(proxy: Proxy, network: nn.Module, batch: Batch, seed: int) -> tuple[float, ...]:
    device, dtype = _check(proxy, network, batch)
    batch = _moved(batch, proxy.device or device, dtype)
    with preserved_network(network, device=proxy.device, dtype=dtype), seeded(seed):
        _prepare(network)
        with torch.enable_grad():
            values = proxy.compute(network, batch, torch.Generator().manual_seed(seed))
    return values if isinstance(values, tuple) else (values,)


def _check(proxy: Proxy, network: nn.Module, batch: Batch) -> tuple[torch.device, torch.dtype]:
    """The device and the floating-point type to compute with."""
    tensors = list(chain(network.parameters(), network.buffers()))
    if any(is_lazy(tensor) for tensor in tensors):
        raise UnsuitableNetworkError("the network has lazy layers that have not seen an input")
    if proxy.needs_values and any(tensor.is_meta for tensor in (*tensors, *batch.tensors)):
        raise UnsuitableNetworkError(
            "the network or the batch is on the meta device, without values"
        )
    if proxy.needs_labels and batch.labels is None:
        raise UnsuitableNetworkError("the batch has no labels")
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    dtype = torch.float64 if torch.float64 in dtypes else torch.float32
    return tensors[0].device if tensors else batch.tensors[0].device, dtype


def _moved(batch: Batch, device: torch.device | str, dtype: torch.dtype) -> Batch:
    def move(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(device, dtype if tensor.is_floating_point() else None)

    labels = None if batch.labels is None else move(batch.labels)
    return Batch(batch.map(move).inputs, labels)


def _prepare(network: nn.Module) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
