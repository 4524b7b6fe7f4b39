"""Layers by kind: the weights that proxies measure, and normalisation."""

from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError

NORMS: Final = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Normalisation layers."""


def layer_weights(network: nn.Module) -> list[nn.Parameter]:
    """The weights of convolutions, linear layers and their like: parameters of two axes or more.

    Biases and the scales of normalisation are not among them.

    Args:
        network: Its parameters are counted once each.

    Raises:
        UnsuitableNetworkError: There is none.

    Example:
        >>> [tuple(weight.shape) for weight in layer_weights(nn.Linear(3, 2))]
        [(2, 3)]
    """
    weights = [
        parameter
        for parameter in network.parameters()
        if parameter.dim() > 1 and parameter.is_floating_point()
    ]
    if not weights:
        raise UnsuitableNetworkError("the network has no layer with weights")
    return weights


def bypass_norms(network: nn.Module) -> None:
    """Makes every normalisation layer return its input."""
    for module in network.modules():
        if isinstance(module, NORMS):
            module.forward = _identity  # type: ignore[method-assign]


def _identity(inputs: torch.Tensor, *more: Any) -> torch.Tensor:
    return inputs
