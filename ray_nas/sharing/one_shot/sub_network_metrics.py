"""What a sub-network reaches with the weights of its supernet (Guo et al., 2020):
https://arxiv.org/abs/1904.00420.

The supernet's running statistics are a mixture over all its sub-networks and true of none: each
sub-network's are counted anew on a few hundred training examples before it is evaluated (section
3.4 of the paper; Yu & Huang, 2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer

from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.spaces.model.supernet import Supernet
from ray_nas.trials.data import Batch, Data, Loss, figures, run, training_pass


def inherited_figures(
    supernet: Supernet,
    config: Mapping[str, Any],
    calibration: Sequence[Batch],
    data: Data | list[Batch],
    loss: Loss,
    device: torch.device,
) -> dict[str, float]:
    """`loss` and, for classes, `accuracy` of a sub-network with inherited weights; the supernet is
    left as it is.

    Args:
        supernet: The supernet.
        config: The sub-network.
        calibration: Training batches that its batch-norm statistics are counted on.
        data: What it is evaluated on.
        loss: The loss.
        device: Where the supernet is.
    """
    network = supernet.network(config)
    recalibrate(network, calibration)
    return figures(network, data, loss, device)


@torch.inference_mode()
def recalibrate(network: nn.Module, batches: Sequence[Batch]) -> None:
    """Counts the statistics of all batch norms anew, as plain means over the batches."""
    norms = [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        if not isinstance(
            norm.running_mean, UninitializedBuffer
        ):  # one that has seen no batch yet has nothing to forget
            norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
    network.train()
    for inputs, targets in batches:
        with training_pass(targets):
            run(network, inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def freeze_affine(space: ModelSpace, supernet: Supernet) -> None:
    """Takes scale and shift of the supernet's batch norms out of its training: 1 and 0 for all
    sub-networks.

    They would be fitted to whichever sub-network came last (Liu et al., 2019, DARTS;
    NAS-Bench-201's baselines).
    """
    with torch.device("meta"):
        layers = space.build_all({}).named_modules()
    for path, layer in layers:
        if isinstance(layer, _BatchNorm) and layer.affine:
            for name, value in (("weight", 1.0), ("bias", 0.0)):
                parameter = supernet.get_parameter(f"{path}.{name}")
                parameter.requires_grad_(False).fill_(value)
