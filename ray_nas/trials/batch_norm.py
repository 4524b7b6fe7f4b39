"""Batch-norm statistics of one network, and what to do when batch norm rejects a batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer

from ray_nas.trials.data import Batch, forward

_ONE_VALUE: Final = "Expected more than 1 value per channel"
"""The start of torch's error."""


@torch.inference_mode()
def recompute_batch_norm(network: nn.Module, batches: Sequence[Batch]) -> None:
    """Replaces the running statistics of all batch norms by plain means over the batches.

    Leaves the network in training mode, unless it has no batch norm.

    Args:
        network: Changed in place.
        batches: Training batches, of at least two examples each.

    Raises:
        ValueError: A batch norm got one value per channel.

    Example:
        >>> norm = nn.BatchNorm1d(1, affine=False)
        >>> recompute_batch_norm(norm, [(torch.tensor([[1.0], [3.0]]), torch.zeros(2))])
        >>> norm.running_mean
        tensor([2.])
    """
    norms = [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        # A lazy norm that has seen no batch has no statistics to reset.
        if not isinstance(norm.running_mean, UninitializedBuffer):
            norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
    network.train()
    for inputs, targets in batches:
        with batch_norm_errors(targets):
            forward(network, inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@contextmanager
def batch_norm_errors(targets: torch.Tensor) -> Iterator[None]:
    """Explains torch's error when batch norm gets one example; wraps a pass in training mode.

    Args:
        targets: The targets of the batch, shape (batch, ...).

    Raises:
        ValueError: A batch norm got one value per channel.

    Example:
        >>> with batch_norm_errors(torch.zeros(1)):
        ...     nn.BatchNorm1d(2)(torch.ones(1, 2))
        Traceback (most recent call last):
        ...
        ValueError: batch norm cannot normalise one example: the data must have at least 2 rows \
and batch_size must be at least 2
    """
    try:
        yield
    except ValueError as error:
        if len(targets) > 1 or not str(error).startswith(_ONE_VALUE):
            raise
        raise ValueError(
            "batch norm cannot normalise one example: the data must have at least 2 rows and "
            "batch_size must be at least 2"
        ) from error
