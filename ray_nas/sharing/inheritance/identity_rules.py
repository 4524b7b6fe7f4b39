"""How the weights of a new layer make it pass its input through (Net2Net: Chen et al., 2016).

https://arxiv.org/abs/1511.05641. Each kind of layer has a rule, found by its type or the nearest
base class with a rule. Layers without weights need none: if such a layer changes its input (a
tanh), no weights can undo that.
"""

from collections.abc import Callable

import torch
from torch import nn

IdentityRule = Callable[[nn.Module, torch.Tensor], None]
"""Changes a layer's weights in place so that its output equals its input, given a batch of its
inputs."""

_rules: dict[type[nn.Module], IdentityRule] = {}


def register_identity(layer: type[nn.Module], rule: IdentityRule) -> None:
    """Registers how layers of a type, and of its subclasses without a rule, become an identity.

    Args:
        layer: A module class. For a block with a rule, the rules of its parts are ignored.
        rule: Changes a layer's weights in place; called in evaluation mode and without gradients.

    Raises:
        TypeError: `layer` is not a module class.

    Example:
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(torch.rand(1))
        >>> register_identity(Scale, lambda layer, inputs: layer.factor.fill_(1.0))
    """
    if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
        raise TypeError(f"layer must be a subclass of nn.Module, got {layer!r}")
    _rules[layer] = rule


def identity_rule(layer: type[nn.Module]) -> IdentityRule | None:
    """The rule for layers of a type; None if there is no rule."""
    return next((_rules[kind] for kind in layer.__mro__ if kind in _rules), None)


def _unit_matrix(layer: nn.Module, inputs: torch.Tensor) -> None:
    """A unit matrix, or unit kernels; outputs beyond the number of inputs stay unchanged."""
    weight = layer.weight
    bias = layer.bias
    assert isinstance(weight, torch.Tensor)
    common = min(len(weight), inputs.shape[1 if weight.ndim > 2 else -1])
    unit = torch.empty_like(weight)
    if weight.ndim > 2:
        nn.init.dirac_(unit, getattr(layer, "groups", 1))
    else:
        nn.init.eye_(unit)
    weight[:common] = unit[:common]
    if isinstance(bias, torch.Tensor):
        bias[:common] = 0


def _undo_normalization(layer: nn.Module, inputs: torch.Tensor) -> None:
    """Scale and shift that undo batch norm, in evaluation and, on similar batches, in training."""
    assert isinstance(layer, nn.modules.batchnorm._BatchNorm)
    if layer.weight is None or layer.running_mean is None or layer.running_var is None:
        return
    dims = [dim for dim in range(inputs.ndim) if dim != 1]
    mean = inputs.mean(dims)
    variance = inputs.var(dims, unbiased=False)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
    layer.weight.copy_((variance + layer.eps).sqrt())
    layer.bias.copy_(mean)


for _kind in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d):
    register_identity(_kind, _unit_matrix)
register_identity(nn.modules.batchnorm._BatchNorm, _undo_normalization)
