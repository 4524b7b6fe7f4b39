"""Batches from the data that users have: a pair of tensors, or a DataLoader."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from ray_nas.trials.seeding import seeded

Data = tuple[torch.Tensor, torch.Tensor] | DataLoader[Any]
"""Inputs and targets of one length, or a loader of such pairs; a loader's inputs may be a tuple of
tensors."""
Loss = Callable[[Any, torch.Tensor], torch.Tensor]
"""Takes a network's outputs and the targets, returns their mean loss."""
Batch = tuple[Any, torch.Tensor]
"""Inputs and targets."""
_EVALUATION_BATCH: Final = 512


def check_data(name: str, data: Data) -> None:
    """Raises unless the data are a pair of tensors of one length or a DataLoader.

    Args:
        name: The argument's name, for the message.
        data: Its value.

    Raises:
        TypeError: It is neither.
        ValueError: The tensors are empty or differ in length.

    Example:
        >>> check_data("train_data", (torch.zeros(3, 2), torch.zeros(2)))
        Traceback (most recent call last):
        ...
        ValueError: train_data must have as many inputs as targets, and at least one; got 3 and 2
    """
    if isinstance(data, DataLoader):
        return
    is_pair = isinstance(data, tuple) and len(data) == 2
    if not (is_pair and all(isinstance(part, torch.Tensor) for part in data)):
        raise TypeError(
            f"{name} must be a pair of tensors (inputs, targets) or a DataLoader, "
            f"got {type(data).__name__}"
        )
    if len(data[0]) != len(data[1]) or len(data[0]) == 0:
        raise ValueError(
            f"{name} must have as many inputs as targets, and at least one; "
            f"got {len(data[0])} and {len(data[1])}"
        )


def count_batches(data: Data, batch_size: int) -> int:
    """The number of batches in an epoch of `training_batches`.

    For a loader it may be one too many, if its last batch has one example.

    Example:
        >>> count_batches((torch.zeros(65, 2), torch.zeros(65)), batch_size=64)
        1
    """
    if isinstance(data, DataLoader):
        return len(data)
    whole, rest = divmod(len(data[1]), batch_size)
    return whole + (rest > 1 or (rest == 1 and whole == 0))


def training_batches(
    data: Data, batch_size: int, generator: torch.Generator, device: torch.device
) -> Iterator[Batch]:
    """The batches of an epoch: tensors in random order, a loader's in its own.

    Skips a batch of one example that follows a larger one, such as the last of 65 rows with
    `batch_size=64`: batch norm cannot normalise it. With tensors, a different row is skipped in
    each epoch.

    Args:
        data: The data.
        batch_size: Examples per batch; only for tensors.
        generator: Draws the order; only for tensors.
        device: Where the batches are moved.
    """
    yield from _without_single_examples(_all_batches(data, batch_size, generator, device))


def random_batches(
    data: Data, number: int, batch_size: int, seed: int, device: torch.device
) -> list[Batch]:
    """Batches of `number` random rows, or of all rows if there are fewer.

    Skips a batch of one example that follows a larger one. A loader's rows are drawn from its
    sampler and collated by its `collate_fn`, in batches of its own size. If it has no rows to draw
    (an `IterableDataset`, or `batch_size=None`), its first batches are returned.

    Args:
        data: The data.
        number: The number of rows, at least 1.
        batch_size: Examples per batch; only for tensors.
        seed: Seeds the draw.
        device: Where the batches are moved.
    """
    with seeded(seed):
        if not isinstance(data, DataLoader):
            batches = _random_rows(data, number, batch_size, device)
        elif isinstance(data.dataset, IterableDataset) or data.batch_sampler is None:
            batches = _first_batches(data, number, device)
        else:
            batches = _random_loader_rows(data, number, batch_size, device)
    return list(_without_single_examples(batches))


def _random_rows(
    data: tuple[torch.Tensor, torch.Tensor], number: int, batch_size: int, device: torch.device
) -> list[Batch]:
    rows = torch.randperm(len(data[1]))[:number]
    return [
        (data[0][part].to(device), data[1][part].to(device))
        for part in torch.split(rows, batch_size)
    ]


def _first_batches(loader: DataLoader[Any], number: int, device: torch.device) -> list[Batch]:
    batches: list[Batch] = []
    rows = 0
    for batch in loader:
        batches.append(_move(batch, device))
        rows += len(batches[-1][1])
        if rows >= number:
            break
    return batches


def _random_loader_rows(
    loader: DataLoader[Any], number: int, batch_size: int, device: torch.device
) -> list[Batch]:
    assert loader.batch_sampler is not None
    sampled = list(chain.from_iterable(loader.batch_sampler))
    chosen = [sampled[index] for index in torch.randperm(len(sampled))[:number].tolist()]
    size = loader.batch_size or batch_size
    parts = [chosen[start : start + size] for start in range(0, len(chosen), size)]
    drawn = DataLoader(loader.dataset, batch_sampler=parts, collate_fn=loader.collate_fn)
    return [_move(batch, device) for batch in drawn]


def _without_single_examples(batches: Iterable[Batch]) -> Iterator[Batch]:
    has_larger = False
    for inputs, targets in batches:
        has_larger = has_larger or len(targets) > 1
        if len(targets) > 1 or not has_larger:
            yield inputs, targets


def _all_batches(
    data: Data, batch_size: int, generator: torch.Generator, device: torch.device
) -> Iterator[Batch]:
    if isinstance(data, DataLoader):
        yield from (_move(batch, device) for batch in data)
        return
    inputs, targets = data
    for indices in torch.split(torch.randperm(len(targets), generator=generator), batch_size):
        yield inputs[indices].to(device), targets[indices].to(device)


def ordered_batches(
    data: Data | list[Batch], device: torch.device, batch_size: int = _EVALUATION_BATCH
) -> Iterator[Batch]:
    """All batches; the rows of tensors in their order.

    Args:
        data: The data, or batches.
        device: Where the batches are moved.
        batch_size: Examples per batch; only for tensors.

    Example:
        >>> data = torch.zeros(5, 2), torch.arange(5)
        >>> [len(targets) for _, targets in ordered_batches(data, torch.device("cpu"), 3)]
        [3, 2]
    """
    if not isinstance(data, tuple):
        yield from (_move(batch, device) for batch in data)
        return
    for inputs, targets in zip(
        torch.split(data[0], batch_size), torch.split(data[1], batch_size), strict=True
    ):
        yield inputs.to(device), targets.to(device)


def forward(network: nn.Module, inputs: Any) -> Any:
    """The network's outputs; a tuple of inputs is passed as several arguments.

    Example:
        >>> forward(nn.Bilinear(2, 3, 4), (torch.zeros(5, 2), torch.zeros(5, 3))).shape
        torch.Size([5, 4])
    """
    return network(*inputs) if isinstance(inputs, tuple) else network(inputs)


def _move(batch: Any, device: torch.device) -> Batch:
    inputs, targets = batch
    if isinstance(inputs, torch.Tensor):
        return inputs.to(device), targets.to(device)
    return tuple(part.to(device) for part in inputs), targets.to(device)
