"""Metrics of a sub-network with the weights of its supernet (Guo et al., 2020).

https://arxiv.org/abs/1904.00420. The supernet's batch-norm statistics mix all sub-networks, so they
are recomputed for each from a few hundred training examples (section 3.4; Yu & Huang, 2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ray_nas.spaces.model.supernet import Supernet
from ray_nas.trials.batch_norm import recompute_batch_norm
from ray_nas.trials.data import Batch, Data, Loss
from ray_nas.trials.metrics import evaluate


def evaluate_sub_network(
    supernet: Supernet,
    config: Mapping[str, Any],
    batch_norm_batches: Sequence[Batch],
    data: Data | list[Batch],
    loss: Loss,
    device: torch.device,
) -> dict[str, float]:
    """The metrics of a sub-network with inherited weights; leaves the supernet unchanged.

    Args:
        supernet: The supernet, on `device`.
        config: The sub-network.
        batch_norm_batches: Training batches from which its batch-norm statistics are recomputed.
        data: What it is evaluated on.
        loss: The mean loss of a batch.
        device: Where the supernet is.

    Returns:
        `loss` and, for classes as targets, `accuracy` and `calibrated_loss`; see
        `ray_nas.trials.metrics.evaluate`.
    """
    network = supernet.network(config)
    recompute_batch_norm(network, batch_norm_batches)
    return evaluate(network, data, loss, device)
