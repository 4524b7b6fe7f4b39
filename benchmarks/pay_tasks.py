"""The tasks of `does_it_pay.py`: twelve that are reported, three for development.

A resample draws new training and test parts of the published sizes from all data, by class. A
quarter of the training part is for validation: searches see nothing else. Networks that were
picked are trained again on the whole training part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np
import pay_data
import torch
from numpy.typing import NDArray
from pay_data import Data
from sklearn.model_selection import train_test_split
from small_task import small_task

Part = tuple[torch.Tensor, torch.Tensor]
"""Inputs and targets."""


@dataclass(frozen=True)
class Source:
    """Where a task comes from, and how it is trained."""

    kind: str
    """"series", "table" or "image"."""
    read: Callable[[], Data] | None
    """All data; None for the scenes that are generated for each resample."""
    train: int
    test: int
    epochs: int
    """Passes over the data at a budget of 90 seconds: at most a fifth of it for H0."""
    is_regression: bool = False


TASKS: Final[dict[str, Source]] = {
    "MNIST-1D": Source("series", pay_data.mnist_1d, 4_000, 1_000, 22),
    "OSULeaf": Source("series", partial(pay_data.series, "aeon", "OSULeaf"), 200, 242, 75),
    "ACSF1": Source("series", partial(pay_data.series, "aeon", "ACSF1"), 100, 100, 46),
    "JapaneseVowels": Source("series", pay_data.vowels, 270, 370, 180),
    "PLAID": Source(
        "series",
        partial(pay_data.series, "sktime", "PLAID", length=pay_data.PLAID_LENGTH),
        537,
        537,
        42,
    ),
    "segment": Source("table", pay_data.segment, 1_155, 1_155, 100),
    "banana": Source("table", pay_data.banana, 2_650, 2_650, 60),
    "fair": Source("table", pay_data.fair, 3_183, 3_183, 30),
    "randhie": Source("table", pay_data.randhie, 10_095, 10_095, 20, is_regression=True),
    "MNIST": Source("image", pay_data.mnist, 1_000, 4_000, 45),
    "digits": Source("image", pay_data.digits, 300, 1_497, 200),
    "clutter": Source("image", None, 2_900, 2_000, 24),
}
"""The twelve tasks of the report; no space and no default was chosen by a look at them."""
DEVELOPMENT: Final[dict[str, Source]] = {
    "phishing": Source("table", pay_data.phishing, 625, 625, 100),
    "ItalyPowerDemand": Source(
        "series", partial(pay_data.series, "aeon", "ItalyPowerDemand"), 67, 1_029, 200
    ),
    "ArrowHead": Source("series", partial(pay_data.series, "aeon", "ArrowHead"), 36, 175, 150),
}
"""What spaces, recipes and the choice of the searcher were developed on."""
ALL: Final = TASKS | DEVELOPMENT


@dataclass(frozen=True)
class Task:
    """One resample of a task."""

    name: str
    source: Source
    train: Part
    """What networks are trained on during a search."""
    val: Part
    """What guides a search."""
    test: Part
    """Seen after all decisions only."""
    outputs: int

    @property
    def both(self) -> Part:
        """Training and validation data."""
        return torch.cat([self.train[0], self.val[0]]), torch.cat([self.train[1], self.val[1]])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.train[0].shape[1:])

    def epochs(self, seconds: float) -> int:
        """Passes over the data in a full training, for a search of so many seconds."""
        return max(3, round(self.source.epochs * seconds / 90))


def load(name: str, resample: int) -> Task:
    """A task's resample.

    Args:
        name: One of `ALL`.
        resample: Seed of the split.
    """
    source = ALL[name]
    train, test = _scenes(resample) if source.read is None else _split(name, resample)
    labels = None if source.is_regression else train[1]
    x, x_val, y, y_val = train_test_split(
        *train, test_size=0.25, random_state=resample, stratify=labels
    )
    outputs = 1 if source.is_regression else int(train[1].max()) + 1
    parts = [_tensors(*part) for part in ((x, y), (x_val, y_val), test)]
    return Task(name, source, parts[0], parts[1], parts[2], outputs)


def official(name: str) -> tuple[Part, Part]:
    """The archive's own training and test parts, prepared as in a resample."""
    source = ALL[name]
    inputs, targets = _read(name)
    train, test = _prepared(name, inputs[: source.train], inputs[source.train :])
    labels = targets[: source.train], targets[source.train :]
    return _tensors(train, labels[0]), _tensors(test, labels[1])


@cache
def _read(name: str) -> Data:
    read = ALL[name].read
    assert read is not None
    return read()


def _split(name: str, resample: int) -> tuple[Data, Data]:
    source = ALL[name]
    inputs, targets = _read(name)
    x, x_test, y, y_test = train_test_split(
        inputs,
        targets,
        train_size=source.train,
        test_size=min(source.test, len(targets) - source.train),
        random_state=resample,
        stratify=None if source.is_regression else targets,
    )
    x, x_test = _prepared(name, x, x_test)
    return (x, y), (x_test, y_test)


def _prepared(
    name: str, x: NDArray[Any], x_test: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables and series of several channels are standardised; the others are already."""
    is_table = ALL[name].kind == "table"
    return _standardised(x, x_test) if is_table or x.shape[1] > 1 else (x, x_test)


def _standardised(x: NDArray[Any], x_test: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Zero mean and unit variance by the training part, per column or channel; then clipped.

    The smooth clipping to (-3, 3) is that of RealMLP (Holzmueller et al., 2024).
    """
    axes = (0, *range(2, x.ndim))
    mean, scale = x.mean(axes, keepdims=True), x.std(axes, keepdims=True) + 1e-6
    clipped = [z / np.sqrt(1 + (z / 3) ** 2) for z in ((x - mean) / scale, (x_test - mean) / scale)]
    return clipped[0].astype(np.float32), clipped[1].astype(np.float32)


def _scenes(resample: int) -> tuple[Data, Data]:
    parts = {name: (x.numpy(), y.numpy()) for name, (x, y) in small_task(resample).items()}
    both = [np.concatenate(pair) for pair in zip(parts["train"], parts["val"], strict=True)]
    return (both[0], both[1]), parts["test"]


def _tensors(inputs: NDArray[Any], targets: NDArray[Any]) -> Part:
    return torch.from_numpy(inputs), torch.from_numpy(targets)
