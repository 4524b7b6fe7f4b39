"""TE-NAS (Chen, Gong & Wang, 2021): conditioning of the tangent kernel, and linear regions.

https://arxiv.org/abs/2102.11535
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from ray_nas.estimators.proxies.core.activation_patterns import ActivationPatterns
from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.random_weights import draw_weights, gaussian_inputs
from ray_nas.estimators.proxies.core.weight_layers import layer_weights

_INITIALISATIONS = 3
_KERNEL_BATCH = 32


@proxy("te_nas_ntk")
def _ntk(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Minus the condition number of the neural tangent kernel, over three initialisations.

    The kernel is the Gram matrix of the gradients of each example's summed outputs with respect to
    the weights, for at most 32 examples, in train mode; weights are Kaiming-normal. Minus infinity
    where the kernel is singular in float64.
    """
    return _mean_over_weights(network, rng, lambda: -_condition_number(network, batch))


@proxy("te_nas_regions")
def _regions(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Number of linear regions that Gaussian inputs fall into, over three initialisations.

    Inputs are in one region if all units of ReLUs (and their relatives) are in one state. Never
    more than there are examples, which large networks reach. Deviation: the paper counts for a copy
    of the network with one channel and 3x3 images.
    """
    return _mean_over_weights(network, rng, lambda: _count_regions(network, batch, rng))


@proxy("te_nas")
def _te_nas(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Log of the number of regions minus log of the condition number.

    The paper adds up both ranks among many networks, which one network does not have. To rank many
    networks as the paper does, combine `te_nas_ntk` and `te_nas_regions`.
    """
    condition, regions = -_ntk(network, batch, rng), _regions(network, batch, rng)
    return math.log(regions) - (math.log(condition) if condition < math.inf else math.inf)


def _mean_over_weights(
    network: nn.Module, rng: torch.Generator, value: Callable[[], float]
) -> float:
    values = []
    for _ in range(_INITIALISATIONS):
        draw_weights(network, rng, kaiming=True)
        values.append(value())
    return sum(values) / len(values)


def _condition_number(network: nn.Module, batch: Batch) -> float:
    weights = layer_weights(network)
    with fast_cpu(network, batch.first(_KERNEL_BATCH)) as images:
        outputs = images.map(torch.clone).call(network)
        if not outputs.requires_grad:
            raise UnsuitableNetworkError("the outputs depend on no parameter")
        gradients = [
            torch.cat([part.flatten() for part in _gradient(output.sum(), weights)])
            for output in outputs
        ]
    stacked = torch.stack(gradients)
    # Eq. (4), then eq. (6)
    eigenvalues = torch.linalg.eigvalsh((stacked @ stacked.T).double())
    if not eigenvalues.isfinite().all():
        return math.nan
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else math.inf


def _gradient(output: torch.Tensor, weights: list[nn.Parameter]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(
        output, weights, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def _count_regions(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    differences = torch.zeros(batch.size, batch.size)
    layers = 0

    def compare(inputs: torch.Tensor) -> None:
        nonlocal layers
        if inputs.shape[:1] == (batch.size,):
            active = inputs.relu().sign_().movedim(1, -1).flatten(1)
            different = active @ (1 - active).T
            differences.add_((different + different.T).cpu())
            layers += 1

    inputs = gaussian_inputs(batch, rng)
    with torch.no_grad(), fast_cpu(network, inputs) as images, ActivationPatterns(compare):
        images.call(network)
    if not layers:
        raise UnsuitableNetworkError("the network has no ReLU (or relative of it)")
    same = (differences == 0).sum(1)
    return float((1 / same).sum())
