"""SNIP (Lee et al., 2019): https://arxiv.org/abs/1810.02340, summed over the network's weights.

As a proxy by Abdelfattah et al. (2021), https://arxiv.org/abs/2101.08134
"""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.losses import loss_gradients
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import layer_weights


@proxy("snip", needs_labels=True)
def _snip(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum of |w dL/dw| over all layers' weights w: how much removing each changes the loss."""
    weights = layer_weights(network)
    gradients = loss_gradients(network, batch, weights)
    with torch.no_grad():
        # Eq. (3), without the normalisation of eq. (4), which makes every sum 1
        return float(sum((w * g).abs().sum() for w, g in zip(weights, gradients, strict=True)))
