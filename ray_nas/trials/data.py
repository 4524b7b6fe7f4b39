"""Data as users have it, a pair of tensors or a DataLoader, as batches; and what a network
reaches on them.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import torch
from scipy.optimize import minimize_scalar
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from ray_nas.trials.seeding import seeded

Data = tuple[torch.Tensor, torch.Tensor] | DataLoader[Any]
"""Inputs and targets, of one length; or a loader of such pairs (an input may be a tuple of
tensors there).
"""
Loss = Callable[[Any, torch.Tensor], torch.Tensor]
"""Takes a network's outputs and the targets, gives their mean loss."""
Batch = tuple[Any, torch.Tensor]
_EVALUATION_BATCH: Final = 512
_LOG_TEMPERATURES: Final = (-3.0, 5.0)
_ONE_VALUE: Final = "Expected more than 1 value per channel"
"""How torch's error begins."""


def check_data(name: str, data: Data) -> None:
    """Raises an error that names the argument if it is no such data."""
    if isinstance(data, DataLoader):
        return
    if not (
        isinstance(data, tuple)
        and len(data) == 2
        and all(isinstance(part, torch.Tensor) for part in data)
    ):
        raise TypeError(
            f"{name} must be a pair of tensors (inputs, targets) or a DataLoader, got {type(data).__name__}"
        )
    if len(data[0]) != len(data[1]) or len(data[0]) == 0:
        raise ValueError(
            f"{name} must hold as many inputs as targets and at least one, got {len(data[0])} and {len(data[1])}"
        )


def number_of_batches(data: Data, batch_size: int) -> int:
    """Batches of an epoch of `training_batches`; of a loader, one more where its last batch is
    left out.
    """
    if isinstance(data, DataLoader):
        return len(data)
    whole, rest = divmod(len(data[1]), batch_size)
    return whole + (rest > 1 or (rest == 1 and whole == 0))


def training_batches(
    data: Data, batch_size: int, generator: torch.Generator, device: torch.device
) -> Iterator[Batch]:
    """The batches of an epoch, in random order; a loader's as it gives them.

    A batch of one example is left out where a larger one came before it, as the last batch of 65
        rows by 64: batch norm
    can take no statistics from one example. Of a pair of tensors it is another row in each epoch.
    """
    yield from _without_single_examples(_all_batches(data, batch_size, generator, device))


def random_batches(
    data: Data, number: int, batch_size: int, seed: int, device: torch.device
) -> list[Batch]:
    """Batches of `number` rows drawn at random, or of all where there are no more; a batch of one
    example is left out as above.

    A loader's rows are those of its sampler, put together by its `collate_fn` in batches of its own
    size. Where it says nothing of rows (an `IterableDataset`, or `batch_size=None`) they are its
    first batches.

    Args:
        data: The data.
        number: Rows, at least 1.
        batch_size: Where the data are tensors.
        seed: Of the draw.
        device: Where the batches are to be.
    """
    with seeded(seed):
        if not isinstance(data, DataLoader):
            rows = torch.randperm(len(data[1]))[:number]
            batches = [
                (data[0][part].to(device), data[1][part].to(device))
                for part in torch.split(rows, batch_size)
            ]
        elif isinstance(data.dataset, IterableDataset) or data.batch_sampler is None:
            batches, found = [], 0
            for batch in data:
                batches.append(_moved(batch, device))
                found += len(batches[-1][1])
                if found >= number:
                    break
        else:
            known = list(chain.from_iterable(data.batch_sampler))
            chosen = [known[index] for index in torch.randperm(len(known))[:number].tolist()]
            size = data.batch_size or batch_size
            parts = [chosen[start : start + size] for start in range(0, len(chosen), size)]
            loader = DataLoader(data.dataset, batch_sampler=parts, collate_fn=data.collate_fn)
            batches = [_moved(batch, device) for batch in loader]
    return list(_without_single_examples(batches))


def _without_single_examples(batches: Iterable[Batch]) -> Iterator[Batch]:
    larger = False
    for inputs, targets in batches:
        larger = larger or len(targets) > 1
        if len(targets) > 1 or not larger:
            yield inputs, targets


def _all_batches(
    data: Data, batch_size: int, generator: torch.Generator, device: torch.device
) -> Iterator[Batch]:
    if isinstance(data, DataLoader):
        yield from (_moved(batch, device) for batch in data)
        return
    inputs, targets = data
    for indices in torch.split(torch.randperm(len(targets), generator=generator), batch_size):
        yield inputs[indices].to(device), targets[indices].to(device)


@contextmanager
def training_pass(targets: torch.Tensor) -> Iterator[None]:
    """Says what to do where batch norm refuses a batch of one example; around a pass in training
    mode.

    Raises:
        ValueError: A batch norm got one value a channel.
    """
    try:
        yield
    except ValueError as error:
        if len(targets) > 1 or not str(error).startswith(_ONE_VALUE):
            raise
        raise ValueError(
            "batch norm can take no statistics from a batch of one example: the data must have at least 2 rows and batch_size must be "
            "at least 2"
        ) from error


def fixed_batches(
    data: Data | list[Batch], device: torch.device, batch_size: int = _EVALUATION_BATCH
) -> Iterator[Batch]:
    """All batches, pairs of tensors in their order."""
    if not isinstance(data, tuple):
        yield from (_moved(batch, device) for batch in data)
        return
    for inputs, targets in zip(
        torch.split(data[0], batch_size), torch.split(data[1], batch_size), strict=True
    ):
        yield inputs.to(device), targets.to(device)


@torch.inference_mode()
def figures(
    network: nn.Module, data: Data | list[Batch], loss: Loss, device: torch.device
) -> dict[str, float]:
    """What a network reaches on data.

    Returns:
        The mean `loss`; for classes as targets `accuracy` in [0, 1]; and `calibrated_loss` where
        each input has one class.
    """
    network.eval()
    total = correct = 0.0
    number, classes = 0, False
    logits, labels = [], []
    for inputs, targets in fixed_batches(data, device):
        outputs = run(network, inputs)
        total += float(loss(outputs, targets)) * len(targets)
        number += len(targets)
        classes = is_classification(outputs, targets)
        if classes:
            correct += float((outputs.argmax(1) == targets).sum()) / targets[0].numel()
            if outputs.ndim == 2:
                logits.append(outputs)
                labels.append(targets)
    found = {"loss": total / number}
    if classes:
        found["accuracy"] = correct / number
    if logits:
        found["calibrated_loss"] = calibrated_loss(torch.cat(logits), torch.cat(labels))
    return found


def calibrated_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean cross-entropy in nats after the logits were divided by the temperature that suits them
    best.

    Takes out how sure of itself a network is, which weights that it shares with others upset more
    than its ranking of the classes (temperature scaling: Guo et al., 2017,
    https://arxiv.org/abs/1706.04599). NaN if a logit is not finite.

    Args:
        logits: (n, classes).
        labels: (n,) integers.
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
    """Whether the targets are classes and the outputs have a score for each along dimension 1."""
    is_score = isinstance(outputs, torch.Tensor) and outputs.ndim == targets.ndim + 1
    return is_score and not (targets.is_floating_point() or targets.is_complex())


def run(network: nn.Module, inputs: Any) -> Any:
    """What a network makes of an input, or of a tuple of several."""
    return network(*inputs) if isinstance(inputs, tuple) else network(inputs)


def _moved(batch: Any, device: torch.device) -> Batch:
    inputs, targets = batch
    if isinstance(inputs, torch.Tensor):
        return inputs.to(device), targets.to(device)
    return tuple(part.to(device) for part in inputs), targets.to(device)
