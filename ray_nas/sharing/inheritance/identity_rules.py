"""How a new layer is made to pass its input on (Net2Net: Chen et al., 2016):
https://arxiv.org/abs/1511.05641.

Each kind of layer has a rule, found by its type or the nearest base class that has one. Layers
without weights need none: where they do not pass their input on (a tanh), no weights of other
layers can help.
"""

from collections.abc import Callable

import torch
from torch import nn

Identity = Callable[[nn.Module, torch.Tensor], None]
"""Changes a layer's weights in place so that its output is its input, given a batch of such
inputs.
"""

_rules: dict[type[nn.Module], Identity] = {}


def register_identity(layer: type[nn.Module], rule: Identity) -> None:
    """Says how layers of this type (and of its subclasses without a rule of their own) are made to
    pass their input on.

    Args:
        layer: A module class; of a block with a rule, the rules of its parts are not asked.
        rule: Called in evaluation mode and without gradients.

    Raises:
        TypeError: `layer` is no module class.
    """
    if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
        raise TypeError(f"layer must be a subclass of nn.Module, got {layer!r}")
    _rules[layer] = rule


def identity_of(layer: type[nn.Module]) -> Identity | None:
    """The rule for layers of a type, None if there is none."""
    return next((_rules[kind] for kind in layer.__mro__ if kind in _rules), None)


def _matrix(layer: nn.Module, inputs: torch.Tensor) -> None:
    """A unit matrix, or unit kernels; outputs beyond the number of inputs stay as they are."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, torch.Tensor)
    kept = min(len(weight), inputs.shape[1 if weight.ndim > 2 else -1])
    unit = torch.empty_like(weight)
    if weight.ndim > 2:
        nn.init.dirac_(unit, getattr(layer, "groups", 1))
    else:
        nn.init.eye_(unit)
    weight[:kept] = unit[:kept]
    if isinstance(bias, torch.Tensor):
        bias[:kept] = 0


def _batch_norm(layer: nn.Module, inputs: torch.Tensor) -> None:
    """Scale and shift that undo the normalisation, in evaluation and (on batches like this one)
    in training.
    """
    assert isinstance(layer, nn.modules.batchnorm._BatchNorm)
    if layer.weight is None or layer.running_mean is None or layer.running_var is None:
        return
    dims = [dim for dim in range(inputs.ndim) if dim != 1]
    mean, variance = inputs.mean(dims), inputs.var(dims, unbiased=False)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
    layer.weight.copy_((variance + layer.eps).sqrt())
    layer.bias.copy_(mean)


for _kind in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d):
    register_identity(_kind, _matrix)
register_identity(nn.modules.batchnorm._BatchNorm, _batch_norm)
