"""ZiCo (Li et al., 2023): how large gradients are against their spread over batches.

https://arxiv.org/abs/2301.11300
"""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.losses import loss_gradients
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import layer_weights


@proxy("zico", needs_labels=True)
def _zico(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum over the layers of log sum E|g| / std(g), over two batches of gradients g.

    Weights whose gradients do not vary do not count, nor do layers without others. Deviation: the
    two batches are the halves of the given one.
    """
    if batch.size < 2:
        raise UnsuitableNetworkError("two batches are needed, and one example cannot be halved")
    weights = layer_weights(network)
    half = batch.size // 2
    halves = (batch.first(half), batch.last(half))
    gradients = [loss_gradients(network, part, weights) for part in halves]
    ratios = [_ratio(torch.stack(pair)) for pair in zip(*gradients, strict=True)]
    # Eq. (14)
    return float(sum(ratio.log() for ratio in ratios if ratio != 0))


def _ratio(gradients: torch.Tensor) -> torch.Tensor:
    """The sum of E|g| / std(g); gradients have shape (batches, ...)."""
    spread = gradients.std(0, correction=0)
    varies = spread != 0
    return (gradients.abs().mean(0)[varies] / spread[varies]).sum()
