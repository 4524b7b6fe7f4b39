"""Fisher pruning (Theis et al., 2018): https://arxiv.org/abs/1801.05787, summed over the channels.

As a proxy by Turner et al. (2020), https://arxiv.org/abs/1906.04113, and Abdelfattah et al. (2021),
https://arxiv.org/abs/2101.08134
"""

from typing import Any

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.losses import batch_loss
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy

_CHANNELS_FIRST = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@proxy("fisher", needs_labels=True)
def _fisher(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Half the mean square of each channel's activation times gradient, summed over the weights.

    A channel is an output of a convolution or linear layer and counts once for each weight that
    leads to it, as in Abdelfattah et al. Recurrent layers and attention do not count.
    """
    activations: list[tuple[nn.Module, torch.Tensor]] = []

    def keep(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        activations.append((module, output))
        # A later layer may change its input in place.
        return output.clone()

    for module in network.modules():
        if isinstance(module, (*_CHANNELS_FIRST, nn.Linear)):
            module.register_forward_hook(keep)
    with fast_cpu(network, batch) as images:
        loss = batch_loss(network, images.map(torch.clone))
        if not activations:
            raise UnsuitableNetworkError("no convolution or linear layer runs")
        tensors = [output for _, output in activations]
        gradients = torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
    layers = zip(activations, gradients, strict=True)
    return float(sum(_layer_fisher(module, a.detach(), g) for (module, a), g in layers))


def _layer_fisher(
    module: nn.Module, activation: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    products = activation * gradient
    if isinstance(module, _CHANNELS_FIRST):
        products = products.movedim(1, -1)
    # Theis et al., eq. (8): shape (examples, channels)
    sums = products.flatten(1, -2).sum(1) if products.dim() > 2 else products
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return sums.square().mean(0).sum() / 2 * (weight.numel() / len(weight))
