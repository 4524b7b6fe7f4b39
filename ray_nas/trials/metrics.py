"""Loss, accuracy and calibrated loss of a network on data."""

import math
from typing import Any, Final

import torch
from scipy.optimize import minimize_scalar
from torch import nn

from ray_nas.trials.data import Batch, Data, Loss, forward, ordered_batches

_LOG_TEMPERATURES: Final = (-3.0, 5.0)
"""Bounds of the logarithm of the temperature."""


@torch.inference_mode()
def evaluate(
    network: nn.Module, data: Data | list[Batch], loss: Loss, device: torch.device
) -> dict[str, float]:
    """The metrics of a network on data; leaves it in evaluation mode.

    Args:
        network: The network, on `device`.
        data: What it is evaluated on.
        loss: The mean loss of a batch.
        device: Where the network is.

    Returns:
        `loss`, the mean over all examples; for classes as targets also `accuracy`, in [0, 1]; and
        `calibrated_loss`, in nats, if each input has one class.

    Example:
        >>> data = torch.eye(2), torch.tensor([0, 1])
        >>> found = evaluate(nn.Identity(), data, nn.functional.cross_entropy, torch.device("cpu"))
        >>> found["accuracy"], round(found["loss"], 4)
        (1.0, 0.3133)
    """
    network.eval()
    total = correct = 0.0
    number = 0
    has_classes = False
    logits, labels = [], []
    for inputs, targets in ordered_batches(data, device):
        outputs = forward(network, inputs)
        total += float(loss(outputs, targets)) * len(targets)
        number += len(targets)
        has_classes = is_classification(outputs, targets)
        if has_classes:
            correct += float((outputs.argmax(1) == targets).sum()) / targets[0].numel()
        if has_classes and outputs.ndim == 2:
            logits.append(outputs)
            labels.append(targets)
    metrics = {"loss": total / number}
    if has_classes:
        metrics["accuracy"] = correct / number
    if logits:
        metrics["calibrated_loss"] = calibrated_loss(torch.cat(logits), torch.cat(labels))
    return metrics


def calibrated_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean cross-entropy after temperature scaling.

    The logits are divided by the temperature that gives the lowest loss (Guo et al., 2017,
    https://arxiv.org/abs/1706.04599). That removes a network's over- or underconfidence: shared
    weights distort it more than they distort the ranking of the classes.

    Args:
        logits: Shape (n, classes).
        labels: Integers of shape (n,).

    Returns:
        The loss in nats; NaN if a logit is not finite.

    Example:
        >>> logits, labels = torch.tensor([[9.0, 0.0], [9.0, 0.0]]), torch.tensor([0, 1])
        >>> round(calibrated_loss(logits, labels), 2)  # log(2) = 0.69: it knows nothing
        0.69
    """
    logits = logits.float()
    if not bool(torch.isfinite(logits).all()):
        return math.nan

    def cross_entropy(log_temperature: float) -> float:
        return float(nn.functional.cross_entropy(logits * math.exp(-log_temperature), labels))

    return float(
        minimize_scalar(
            cross_entropy, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-2}
        ).fun
    )


def is_classification(outputs: Any, targets: torch.Tensor) -> bool:
    """Whether targets are classes, and outputs have a score for each of them along dimension 1.

    Example:
        >>> is_classification(torch.rand(4, 10), torch.arange(4))
        True
    """
    is_score = isinstance(outputs, torch.Tensor) and outputs.ndim == targets.ndim + 1
    return is_score and not (targets.is_floating_point() or targets.is_complex())
