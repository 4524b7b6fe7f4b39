"""AZ-NAS (Lee & Ham, 2024): expressivity, progressivity, trainability and complexity of the blocks.

https://arxiv.org/abs/2403.19232
"""

import math
from itertools import pairwise

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.blocks import block_features, feature_rows
from ray_nas.estimators.proxies.core.fast_cpu import fast_cpu
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.proxy_registry import proxy
from ray_nas.estimators.proxies.core.random_weights import draw_weights, gaussian_inputs
from ray_nas.estimators.proxies.flops import count_flops


@proxy("az_nas", "az_expressivity", "az_progressivity", "az_trainability", "az_complexity")
def _az_nas(network: nn.Module, batch: Batch, rng: torch.Generator) -> tuple[float, ...]:
    """The paper's four terms, and in front of them their sum for one network.

    Weights are Kaiming-normal over the fan-in, inputs standard normal. The terms: the sum of the
    entropies of the principal components of each block's features; their least growth from block
    to block; the mean over the blocks of 2 - s - 1/s, with s the largest singular value of the
    block's Jacobian, estimated with random signs; and FLOPs.

    The paper adds up the terms' log-ranks among many networks, which one network does not have:
    `az_nas` adds log expressivity, progressivity, trainability and log complexity instead. To rank
    many networks as the paper does, combine the four terms. Deviation: blocks are what
    `find_blocks` finds.
    """
    complexity = count_flops(network, batch)
    draw_weights(network, rng, kaiming=True)
    with fast_cpu(network, gaussian_inputs(batch, rng)) as images:
        features = block_features(network, images)
        if len(features) < 3:
            raise UnsuitableNetworkError("the network is no chain of two blocks or more")
        with torch.no_grad():
            entropies = torch.stack(
                [_entropy(feature_rows(network, feature)) for feature in features]
            )
        trainability = _trainability(network, features, rng)
    # Eqs. (3) and (5)
    expressivity, progressivity = float(entropies.sum()), float(entropies.diff().min())
    total = _log(expressivity) + progressivity + trainability + _log(complexity)
    return total, expressivity, progressivity, trainability, complexity


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf if value <= 0 else math.nan


def _entropy(rows: torch.Tensor) -> torch.Tensor:
    """Of the shares of variance along the principal components of rows of features: eq. (2)."""
    rows = rows - rows.mean(0)
    variances = torch.linalg.eigvalsh(rows.T @ rows / len(rows)).clamp(min=0)
    shares = variances / variances.sum()
    entropy: torch.Tensor = -(shares * (shares + 1e-8).log()).sum()
    return entropy


def _trainability(network: nn.Module, features: list[torch.Tensor], rng: torch.Generator) -> float:
    """Eq. (7): the mean over the blocks."""
    scores = []
    for inputs, outputs in pairwise(features):
        if not outputs.requires_grad or not inputs.requires_grad:
            continue
        signs = (torch.randint(2, outputs.shape, generator=rng) * 2 - 1).to(outputs)
        (gradient,) = torch.autograd.grad(
            outputs, inputs, signs, retain_graph=True, allow_unused=True
        )
        if gradient is not None:
            scores.append(_block_trainability(network, gradient, signs))
    return sum(scores) / len(scores) if scores else -math.inf


def _block_trainability(network: nn.Module, gradient: torch.Tensor, signs: torch.Tensor) -> float:
    """Eq. (8): 0 is best, for a Jacobian whose largest singular value is 1."""
    if gradient.shape == signs.shape and torch.equal(gradient, signs):
        return -math.inf
    if gradient.dim() == 4 and gradient.shape[2:] != signs.shape[2:]:
        # The pixels that lead to one of the outputs' count as its channels.
        stride = gradient.shape[2] // signs.shape[2]
        gradient = nn.functional.pixel_unshuffle(gradient, stride)
    ins, outs = feature_rows(network, gradient), feature_rows(network, signs)
    if len(ins) != len(outs):
        return -math.inf
    largest = float(torch.linalg.matrix_norm(ins.T @ outs / len(outs), 2))
    return 2 - largest - 1 / (largest + 1e-6)
