"""Trains on parts of the data that grow from rung to rung: less data as a cheap fidelity."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler
from torch.utils.data import Subset as DatasetPart

from ray_nas.checks import check_float
from ray_nas.trials.data import Data, check_data

Labels = npt.NDArray[Any]
"""The class of each example, as integers or text, shape (examples,)."""
_ATTRIBUTES: Final = ("targets", "labels")
"""Where data sets keep their labels."""
_CLASS_KINDS: Final = "iubUS"
"""Of numpy's kinds of values, those that name classes: integers, booleans and text."""


class Subset:
    """Nested parts of a data set: each contains the smaller ones.

    Where the labels are known, each class keeps its share in every part, and a part has at least
    one example of each class if it has as many examples as there are classes. Equal seeds give
    equal parts, in every trial and after a restore.

    Args:
        data: Inputs and targets, or a loader that reads its data set in order or shuffled. Parts of
            a loader are loaders with its settings.
        fractions: Shares of the data, ascending, in (0, 1].
        labels: The class of each example, shape (examples,). None to use
            integer targets, or the loader's data set's `targets` or `labels`. Without any labels,
            parts are not class-balanced.
        seed: Seeds the order in which examples join.

    Raises:
        TypeError: `data` is neither.
        ValueError: An argument breaks a rule, or the loader cannot be divided.

    Example:
        >>> data = torch.arange(90.0)[:, None], torch.arange(90) % 3
        >>> subset = Subset(data, [1 / 9, 1 / 3, 1])
        >>> for fraction, (inputs, targets) in subset:
        ...     print(f"{fraction:.2f} {len(inputs)} {targets.bincount().tolist()}")
        0.11 10 [3, 4, 3]
        0.33 30 [10, 10, 10]
        1.00 90 [30, 30, 30]
    """

    def __init__(
        self,
        data: Data,
        fractions: Sequence[float],
        *,
        labels: Sequence[int] | torch.Tensor | None = None,
        seed: int = 0,
    ) -> None:
        check_data("data", data)
        self._data = data
        self.fractions = tuple(fractions)
        """As given."""
        _check_fractions(self.fractions)
        classes = _labels(data, labels)
        self._order = _balanced_order(_count_examples(data), classes, np.random.default_rng(seed))

    def __iter__(self) -> Iterator[tuple[float, Data]]:
        """Each fraction with its part, smallest first."""
        for fraction in self.fractions:
            yield fraction, self.part(fraction)

    def indices(self, fraction: float) -> list[int]:
        """The examples of a part, ascending.

        Args:
            fraction: In (0, 1]; it need not be one of `fractions`.
        """
        check_float("fraction", fraction, above=0, high=1)
        # A little less, so that a third of 9 is 3 whatever the rounding
        count = int(np.ceil(fraction * len(self._order) - 1e-9))
        return sorted(self._order[: max(count, 1)].tolist())

    def part(self, fraction: float) -> Data:
        """The part of the data with this share of the examples, rounded up.

        Args:
            fraction: In (0, 1]; it need not be one of `fractions`.

        Raises:
            ValueError: The loader drops incomplete batches, and the part has no complete one.
        """
        rows = self.indices(fraction)
        if isinstance(self._data, tuple):
            inputs, targets = self._data
            return inputs[rows], targets[rows]
        return _part_of_loader(self._data, rows)


def _check_fractions(fractions: Sequence[float]) -> None:
    for fraction in fractions:
        check_float("fractions", fraction, above=0, high=1)
    if not fractions or list(fractions) != sorted(set(fractions)):
        raise ValueError(f"fractions must be ascending, and at least one; got {fractions}")


def _balanced_order(
    count: int, labels: Labels | None, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """An order of the examples in which every beginning has the classes' shares."""
    order = rng.permutation(count)
    if labels is None:
        return order
    _, classes = np.unique(labels[order], return_inverse=True)
    # The place of each example among those of its class, as a share of the class
    places = np.zeros(count)
    for members in (np.flatnonzero(classes == label) for label in range(classes.max() + 1)):
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
        places[members[0]] = 0.0
    return order[np.argsort(places, kind="stable")]


def _labels(data: Data, given: Sequence[int] | torch.Tensor | None) -> Labels | None:
    """The class of each example; None if they are unknown or are no classes."""
    count = _count_examples(data)
    if given is not None:
        labels = _as_array(given)
        if labels.shape != (count,):
            raise ValueError(
                f"labels must be one for each of the {count} examples, got shape {labels.shape}"
            )
        return labels
    found = data[1] if isinstance(data, tuple) else _dataset_labels(data.dataset)
    labels = _as_array([] if found is None else found)
    return labels if labels.shape == (count,) and labels.dtype.kind in _CLASS_KINDS else None


def _as_array(values: Any) -> Labels:
    return np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)


def _dataset_labels(dataset: Any) -> Any:
    """The labels that a data set keeps; None if it keeps none in a known place."""
    if isinstance(dataset, DatasetPart):
        whole = _dataset_labels(dataset.dataset)
        return None if whole is None else _as_array(whole)[list(dataset.indices)]
    if isinstance(tensors := getattr(dataset, "tensors", None), tuple) and len(tensors) > 1:
        return tensors[-1]
    return next((getattr(dataset, name) for name in _ATTRIBUTES if hasattr(dataset, name)), None)


# Loaders.


def _count_examples(data: Data) -> int:
    """The number of examples.

    Raises:
        ValueError: A loader does not read its data set in order or shuffled, all of it.
    """
    if isinstance(data, tuple):
        return len(data[1])
    if isinstance(data.dataset, IterableDataset) or data.batch_size is None:
        raise ValueError(
            "data must be a loader that makes batches of a data set with a length, got one of a "
            f"{type(data.dataset).__name__} with batch_size={data.batch_size}"
        )
    count = len(data.dataset)  # type: ignore[arg-type]
    sampler = data.sampler
    is_shuffled = isinstance(sampler, RandomSampler) and not sampler.replacement
    is_ordered = isinstance(sampler, SequentialSampler)
    if not (is_shuffled or is_ordered) or len(sampler) != count:  # type: ignore[arg-type]
        raise ValueError(
            "data must be a loader that reads its whole data set in order or shuffled, got one "
            f"with a {type(sampler).__name__}: give it the sampler's part of the data set as a "
            "torch.utils.data.Subset instead"
        )
    return count


def _part_of_loader(loader: DataLoader[Any], rows: list[int]) -> DataLoader[Any]:
    if loader.drop_last and len(rows) < (loader.batch_size or 1):
        raise ValueError(
            f"fraction must leave a complete batch of {loader.batch_size}, since the loader has "
            f"drop_last=True; got {len(rows)} examples"
        )
    return DataLoader(
        DatasetPart(loader.dataset, rows),
        batch_size=loader.batch_size,
        shuffle=isinstance(loader.sampler, RandomSampler),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        drop_last=loader.drop_last,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
    )
