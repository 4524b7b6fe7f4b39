"""The loss of a network on a batch, and its gradients."""

import torch
from torch import nn
from torch.nn import functional

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError


def batch_loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy for labels that are classes, mean squared error for floating-point ones.

    Args:
        network: Its outputs have the classes on axis 1, or on the last axis if the labels' shape is
            that of the other axes.
        batch: Must have labels.

    Raises:
        UnsuitableNetworkError: The outputs do not depend on parameters.
    """
    outputs, labels = batch.call(network), batch.labels
    assert labels is not None
    if not outputs.requires_grad:
        raise UnsuitableNetworkError("the outputs depend on no parameter")
    if labels.is_floating_point():
        return functional.mse_loss(outputs, labels.reshape(outputs.shape))
    if outputs.dim() > 2 and outputs.shape[:-1] == labels.shape:
        outputs = outputs.movedim(-1, 1)
    return functional.cross_entropy(outputs, labels)


def loss_gradients(
    network: nn.Module, batch: Batch, weights: list[nn.Parameter]
) -> list[torch.Tensor]:
    """Gradients of the `batch_loss`, in the order of the weights; zeros where it has none.

    Raises:
        UnsuitableNetworkError: The outputs do not depend on parameters.
    """
    with fast_cpu(network, batch) as images:
        loss = batch_loss(network, images.map(torch.clone))
        return list(torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True))
