"""FLOPs of a forward pass, the other baseline that proxies must beat."""

import torch
from torch import nn

from ray_nas.estimators.cost.fused_attention import fused_attention
from ray_nas.estimators.cost.operation_count import FlopCounter
from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.proxy_registry import proxy


@proxy("flops", needs_values=False)
def _flops(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """FLOPs for one example, as `count_flops` counts them."""
    return count_flops(network, batch)


def count_flops(network: nn.Module, batch: Batch) -> float:
    """FLOPs for one example by the formulas of `torch.utils.flop_counter`.

    Twice the multiply-adds of convolutions, linear layers, matrix products and attention; biases,
    pooling, normalisation, activations and sums are free.

    Example:
        >>> count_flops(nn.Linear(3, 2), Batch(torch.ones(1, 3), None))
        12.0
    """
    # Batch norm needs two examples.
    pair = batch.first(2) if batch.size > 1 else batch.map(lambda tensor: torch.cat([tensor] * 2))
    counter = FlopCounter()
    with torch.no_grad(), fused_attention(), counter:
        pair.call(network)
    return counter.total / 2
