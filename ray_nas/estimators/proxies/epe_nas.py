"""EPE-NAS (Lopes et al., 2021): how alike the gradients of a class's examples are.

https://arxiv.org/abs/2102.08099
"""

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.input_gradients import input_gradients
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy

_EPSILON = 1e-5
_MANY_CLASSES = 100


@proxy("epe_nas", needs_labels=True)
def _epe_nas(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum over the classes of |sum log(|C| + k)|, C the correlations of the examples' gradients.

    k is 1e-5; the gradients are those of the sum of the outputs with respect to each example. With
    more than 100 classes each class's sum is divided by its examples, and the score is the mean
    over the classes of the sum of differences to all others. NaN where an example has a constant
    gradient.
    """
    labels = batch.labels
    assert labels is not None
    if labels.dim() != 1 or labels.is_floating_point():
        raise UnsuitableNetworkError("the labels are not one class for each example")
    gradients, outputs = input_gradients(network, batch)
    has_many = outputs.shape[-1] > _MANY_CLASSES
    labels = labels.cpu()
    sums = [_class_sum(gradients[labels == label], has_many) for label in set(labels.tolist())]
    scores = torch.stack(sums)
    if has_many:
        return float((scores[:, None] - scores).abs().sum() / len(scores))
    return float(scores.abs().sum())


def _class_sum(gradients: torch.Tensor, is_mean: bool) -> torch.Tensor:
    """Eq. (3): shape ()."""
    correlations = torch.corrcoef(gradients).reshape(len(gradients), len(gradients))
    total = (correlations.abs() + _EPSILON).log().sum()
    return total / len(gradients) if is_mean else total
