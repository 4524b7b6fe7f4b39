"""NASWOT (Mellor et al., 2021): how differently a network's ReLUs see the examples of a batch.

https://arxiv.org/abs/2006.04647
"""

from weakref import ref

import torch
from torch import nn

from ray_nas.estimators.proxies.core.activation_patterns import ActivationPatterns
from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy


@proxy("naswot")
def _naswot(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Log |det K|, with K[i, j] the number of units that are in one state for examples i and j.

    Minus infinity where K is singular, as for a batch that holds an example twice. Deviation: the
    relatives of ReLU that `ActivationPatterns` names count too.
    """
    kernel = _Kernel(batch.size)
    with torch.no_grad(), fast_cpu(network, batch) as images, ActivationPatterns(kernel.add):
        images.map(torch.clone).call(network)
    if not kernel.layers:
        raise UnsuitableNetworkError(
            "the network has no ReLU (or relative of it) that sees the batch"
        )
    return float(torch.linalg.slogdet(kernel.units)[1])


class _Kernel:
    """Sums the layers' agreement between examples."""

    def __init__(self, examples: int) -> None:
        self.units = torch.zeros(examples, examples, dtype=torch.float64)
        self.layers = 0
        self._examples = examples
        self._agreements: dict[tuple[int, int], tuple[ref[torch.Tensor], torch.Tensor]] = {}

    def add(self, inputs: torch.Tensor) -> None:
        if inputs.shape[:1] != (self._examples,):
            return
        # Several ReLUs often read one tensor, as on the edges out of a cell's node.
        key = (id(inputs), inputs._version)
        known = self._agreements.get(key)
        if known is None or known[0]() is not inputs:
            known = self._agreements[key] = (ref(inputs), _agreement(inputs))
        self.units += known[1]
        self.layers += 1


def _agreement(inputs: torch.Tensor) -> torch.Tensor:
    """NASWOT, eq. (2): units minus Hamming distances, shape (examples, examples)."""
    # The order of the units does not matter; this one needs no copy of images.
    active = inputs.relu().sign_().movedim(1, -1).flatten(1)
    # Whole numbers below 2^24 are exact in float32.
    both = active @ active.T
    counts = both.diag()
    return (active.shape[1] - counts[:, None] - counts + 2 * both).cpu().double()
