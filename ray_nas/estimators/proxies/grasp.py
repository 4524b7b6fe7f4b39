"""GraSP (Wang et al., 2020): https://arxiv.org/abs/2002.07376, summed over the network's weights.

As a proxy by Abdelfattah et al. (2021), https://arxiv.org/abs/2101.08134
"""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.losses import batch_loss
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.weight_layers import layer_weights


@proxy("grasp", needs_labels=True)
def _grasp(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum of -w (H g) over the weights w of all layers, with the loss's Hessian H and gradient g.

    Deviation, as in Abdelfattah et al.: no temperature, and one batch for both H and g.
    """
    weights = layer_weights(network)
    # The other kernels of attention have no second derivative.
    with fast_cpu(network, batch) as images, sdpa_kernel(SDPBackend.MATH):
        loss = batch_loss(network, images.map(torch.clone))
        gradients = torch.autograd.grad(
            loss, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
        # H g is the gradient of g's product with a constant g.
        product = sum((gradient.detach() * gradient).sum() for gradient in gradients)
        if not isinstance(product, torch.Tensor) or not product.requires_grad:
            raise UnsuitableNetworkError(
                "the loss is linear in the weights, so its Hessian is zero"
            )
        curvatures = torch.autograd.grad(
            product, weights, allow_unused=True, materialize_grads=True
        )
    with torch.no_grad():
        # Eq. (8)
        return -float(sum((w * c).sum() for w, c in zip(weights, curvatures, strict=True)))
