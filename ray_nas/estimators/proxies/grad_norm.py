"""Gradient norm (Abdelfattah et al., 2021): https://arxiv.org/abs/2101.08134."""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.losses import loss_gradients
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import layer_weights


@proxy("grad_norm", needs_labels=True)
def _grad_norm(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum over the layers of the L2 norm of the loss's gradient with respect to the weights."""
    weights = layer_weights(network)
    return float(sum(map(torch.norm, loss_gradients(network, batch, weights))))
