"""Zen-score (Lin et al., 2021): how much features change with the input, for Gaussian weights.

https://arxiv.org/abs/2102.01063
"""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.last_features import last_features
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.random_weights import draw_weights, gaussian_inputs

_STEP = 0.01


@proxy("zen")
def _zen(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Log of the change of the last features for a small step, plus the logs of the norms' scales.

    Weights, inputs x and steps e are standard normal: log E |f(x) - f(x + 0.01 e)|, plus for every
    batch norm the log of its standard deviation over the batch, by which it has divided the
    features. f are the features before pooling. As in the authors' code, the change is the sum of
    absolute differences, and the variances are the running ones after both passes. Integer inputs
    take no step.
    """
    if not batch.float_tensors:
        raise UnsuitableNetworkError("the inputs are integers, which take no small step")
    draw_weights(network, rng, kaiming=False)
    inputs, steps = gaussian_inputs(batch, rng), gaussian_inputs(batch, rng)
    moved = iter(steps.float_tensors)
    stepped = inputs.map_floats(lambda tensor: tensor + _STEP * next(moved))
    with torch.no_grad(), fast_cpu(network, inputs):
        before, after = (last_features(network, x) for x in (inputs, stepped))
        change = (before - after).abs().flatten(1).sum(1).mean()
        return float(change.log() + _log_scales(network))


def _log_scales(network: nn.Module) -> torch.Tensor:
    """Sum over the batch norms of log sqrt(mean variance): Zen-score's algorithm 1, line 5."""
    scales = [
        module.running_var.mean().log() / 2
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.running_var is not None
    ]
    return torch.stack(scales).sum() if scales else torch.zeros(())
