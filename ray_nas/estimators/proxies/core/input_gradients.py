"""The gradient of a network's outputs with respect to each example of a batch."""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError


def input_gradients(network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of the sum of all outputs with respect to the inputs.

    With batch norm in train mode an example's gradient also goes through the other examples'
    outputs.

    Args:
        network: A network that may be changed.
        batch: Its floating-point inputs count.

    Returns:
        The gradients, shape (examples, numbers in an example), float64 on the CPU; and the outputs.

    Raises:
        UnsuitableNetworkError: No input is floating-point.
    """
    if not batch.float_tensors:
        raise UnsuitableNetworkError("the inputs are integers, which have no gradient")
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with fast_cpu(network, batch) as images:
        images = images.map_floats(lambda tensor: tensor.detach().clone().requires_grad_())
        # A copy of each goes in, because a network may change its inputs in place.
        outputs = images.map_floats(torch.clone).call(network)
        # Added, so that outputs that do not depend on the inputs have a gradient of zero.
        total = outputs.sum() + sum(0 * tensor.sum() for tensor in images.float_tensors)
        gradients = torch.autograd.grad(total, images.float_tensors)
    rows = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1).cpu().double()
    return rows, outputs.detach()
