"""Jacobian covariance (Mellor et al., 2020): how different the gradients of a batch's examples are.

The first version of https://arxiv.org/abs/2006.04647, in the form of Abdelfattah et al. (2021),
https://arxiv.org/abs/2101.08134
"""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.input_gradients import input_gradients
from ray_nas.estimators.proxies.core.proxy_registry import proxy


@proxy("jacov")
def _jacov(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """-sum log(v + k) + 1 / (v + k) over the eigenvalues v of the gradients' correlations.

    k is 1e-5. The gradients are those of the sum of the outputs with respect to each example. NaN
    where an example has a constant gradient, as in a network whose input reaches no output.
    """
    gradients, _ = input_gradients(network, batch)
    correlations = torch.corrcoef(gradients).reshape(batch.size, batch.size)
    if not correlations.isfinite().all():
        return float("nan")
    shifted = torch.linalg.eigvalsh(correlations) + 1e-5
    return float(-(shifted.log() + 1 / shifted).sum())
