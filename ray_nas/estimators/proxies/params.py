"""Parameter count, the baseline that proxies must beat."""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.proxy_registry import proxy


@proxy("params", needs_values=False, device="meta")
def _params(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Elements of all parameters; a shared one counts once."""
    return float(sum(parameter.numel() for parameter in network.parameters()))
