"""L2 norm of the weights (Abdelfattah et al., 2021): https://arxiv.org/abs/2101.08134."""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import layer_weights


@proxy("l2_norm")
def _l2_norm(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum of the layers' L2 norms, of the weights as they are; the batch does not matter."""
    return float(sum(weight.detach().norm() for weight in layer_weights(network)))
