"""VKDNW (Tybl & Neumann, 2025): how even the spectrum of the Fisher information is.

https://arxiv.org/abs/2502.04975
"""

import warnings
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from ray_nas.estimators.proxies.core.batches import Batch, first_float_tensor
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.random_weights import draw_weights

_TENSORS = 128
"""The Fisher information is taken of one number in each of at most so many parameters."""
_SMOOTHING = 0.05
_CHUNK = 8


@proxy("vkdnw", "vkdnw_entropy")
def _vkdnw(network: nn.Module, batch: Batch, rng: torch.Generator) -> tuple[float, float]:
    """The number of parameter tensors plus the entropy of the Fisher information's spectrum.

    And the entropy alone: of the shares of the nine deciles of the eigenvalues in their sum, at
    most log 9. The information is that of the first number in each of the first 128 parameters, for
    the classes' probabilities, with Kaiming-normal weights. As in the authors' code, batch norm
    takes every image's own statistics; where an example has one place, it takes the running ones.
    """
    draw_weights(network, rng, kaiming=True)
    eigenvalues = torch.linalg.eigvalsh(_fisher_information(network, batch)).clamp(min=0)
    tensors = len(list(network.parameters()))
    if not eigenvalues.isfinite().all():
        return float("nan"), float("nan")
    deciles = torch.quantile(eigenvalues, torch.arange(1, 10).to(eigenvalues) / 10)
    shares = deciles / (deciles.sum() + 1e-10)
    # Eq. (10)
    entropy = float(-(shares * (shares + 1e-10).log()).sum())
    return tensors + entropy, entropy


def _fisher_information(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Shape (parameters, parameters), float64."""
    _normalise_each_example(network)
    jacobians, outputs = _jacobians(network, batch)
    probabilities = outputs.softmax(1) * (1 - _SMOOTHING) + _SMOOTHING / outputs.shape[1]
    # Eq. (4): J' (diag p - p p') J, averaged over the examples
    means = torch.einsum("nc,nci->ni", probabilities, jacobians)
    squares = torch.einsum("nc,nci,ncj->ij", probabilities, jacobians, jacobians)
    return (squares - means.T @ means) / len(outputs)


def _normalise_each_example(network: nn.Module) -> None:
    network.eval()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.forward = partial(_normalise_alone, module)  # type: ignore[method-assign]


def _normalise_alone(norm: _BatchNorm, inputs: torch.Tensor) -> torch.Tensor:
    """Normalises an example by its own statistics if it has several places, else by running ones.

    Without running ones, it only scales and shifts.
    """
    if inputs[0, 0].numel() > 1:
        return batch_norm(inputs, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        mean, variance = inputs.new_zeros(inputs.shape[1]), inputs.new_ones(inputs.shape[1])
    return batch_norm(inputs, mean, variance, norm.weight, norm.bias, False, 0.0, norm.eps)


def _jacobians(network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives by the chosen numbers, (examples, classes, parameters), and outputs."""
    chosen = dict(list(network.named_parameters())[:_TENSORS])
    fixed = {name: parameter.detach().flatten() for name, parameter in chosen.items()}
    numbers = {name: values[0] for name, values in fixed.items()}

    def predict(numbers: dict[str, torch.Tensor], inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        parameters = {
            name: torch.cat([numbers[name][None], fixed[name][1:]]).view_as(parameter)
            for name, parameter in chosen.items()
        }
        arguments = Batch(inputs, None).map(lambda tensor: tensor[None]).arguments
        outputs = first_float_tensor(functional_call(network, parameters, *arguments)).flatten()
        return outputs, outputs

    jacobian = vmap(
        jacrev(predict, has_aux=True), in_dims=(None, 0), chunk_size=_CHUNK, randomness="same"
    )
    with warnings.catch_warnings():
        # Of operations that torch cannot batch and runs one by one.
        warnings.filterwarnings("ignore", "There is a performance drop")
        jacobians, outputs = jacobian(numbers, batch.inputs)
    return torch.stack(list(jacobians.values()), -1).detach().double(), outputs.detach().double()
