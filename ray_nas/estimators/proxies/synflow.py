"""SynFlow (Tanaka et al., 2020): the flow through a network of absolute weights.

https://arxiv.org/abs/2006.05467, as a proxy by Abdelfattah et al. (2021),
https://arxiv.org/abs/2101.08134
"""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import bypass_norms, layer_weights


@proxy("synflow")
def _synflow(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum of |w dR/dw| over the weights w of all layers, with R the sum of the outputs.

    Parameters and buffers are replaced by their absolute values, batch norm by the identity, the
    batch by one input of ones, everything in float64. Infinite in networks so deep and wide that R
    is. Deviations: other normalisation layers are bypassed too; integer inputs, of which an input
    of ones makes no sense, stay those of the batch's first example.
    """
    network.double()
    bypass_norms(network)
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.abs_()
    ones = batch.first(1).map_floats(lambda tensor: torch.ones_like(tensor, dtype=torch.float64))
    weights = layer_weights(network)
    flow = ones.call(network).sum()
    gradients = torch.autograd.grad(flow, weights, allow_unused=True, materialize_grads=True)
    products = zip(weights, gradients, strict=True)
    # Eq. (1)
    return float(sum((weight * gradient).detach().abs().sum() for weight, gradient in products))
