"""`TabularObjective`: a table of real trainings as an objective for `simulate`."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ray_nas.simulation.virtual_trial import Report

if TYPE_CHECKING:
    import pandas

Key = tuple[Hashable, ...]
"""Identifies a config in a table."""
Training = list[Report]
"""The reports of one training, in order."""


class TrainingTable:
    """Recorded trainings by config; each may have been repeated.

    Args:
        trainings: The repeated trainings of each key.
        key: Maps a trial's config to its key.
        noisy: Whether a trial follows one of the repeated trainings, drawn at random, or their
            mean.
    """

    def __init__(
        self,
        trainings: Mapping[Key, list[Training]],
        key: Callable[[Mapping[str, Any]], Key],
        noisy: bool,
    ) -> None:
        self._trainings = trainings
        self._key = key
        self._noisy = noisy

    def __call__(
        self, config: Mapping[str, Any], rng: np.random.Generator | None = None
    ) -> Iterator[Report]:
        """Yields (seconds, metrics) of the config's training.

        Raises:
            ValueError: The table has no such config (`simulate` counts that as a failed trial), or
                `rng` is missing where `noisy=True`.
        """
        if self._noisy and not rng:
            raise ValueError("rng must be a numpy generator where noisy=True, got None")
        repeats = self._trainings.get(self._key(config))
        if repeats is None:
            raise ValueError(f"config is not in the table: {dict(config)}")
        if self._noisy and rng:
            yield from repeats[int(rng.integers(len(repeats)))]
        else:
            yield from mean_training(repeats)

    def __len__(self) -> int:
        """The number of configs."""
        return len(self._trainings)

    def values(self, metric: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The final value of a metric for every config, in the table's order.

        The mean of repeated trainings; shape (configs,).
        """
        finals = [mean_training(repeats)[-1][1][metric] for repeats in self._trainings.values()]
        return np.array(finals, dtype=np.float64)


class TabularObjective(TrainingTable):
    """A data frame of trainings as an objective.

    Args:
        frame: One row for each report of each training.
        parameters: The columns that identify a config. Empty cells are inactive parameters.
        metrics: The columns to report.
        seconds: The column with the seconds of each report since the previous one; None for 1 each.
        fidelity: The column that orders the reports of a training (epochs, say); it is reported
            too. None if each training has one report.
        repeat: The column that distinguishes repeated trainings of a config; None if each was
            trained once.
        noisy: Whether a trial follows one of the repeated trainings, drawn at random, or their
            mean.
        to_parameters: Maps a config to the values of `parameters`, e.g. `lambda config:
            (space.to_arch_str(config),)`; None for the config's entries of these names.

    Raises:
        ValueError: A column is missing, or rows are duplicates.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame(
        ...     {"op": ["conv", "pool"], "accuracy": [0.9, 0.7], "minutes": [3, 1]}
        ... )
        >>> objective = TabularObjective(frame, ["op"], ["accuracy"], seconds="minutes")
        >>> list(objective({"op": "conv"}))
        [(3.0, {'accuracy': 0.9})]
    """

    def __init__(
        self,
        frame: "pandas.DataFrame",
        parameters: Sequence[str],
        metrics: Sequence[str],
        *,
        seconds: str | None = None,
        fidelity: str | None = None,
        repeat: str | None = None,
        noisy: bool = False,
        to_parameters: Callable[[Mapping[str, Any]], Sequence[Any]] | None = None,
    ) -> None:
        keys = [*parameters, *_given(repeat, fidelity)]
        reported = [*_given(fidelity), *metrics]
        _check_columns(frame, [*keys, *metrics, *_given(seconds)], keys)
        if fidelity:
            frame = frame.sort_values(fidelity, kind="stable")
        # Rows to trainings, by config and repetition
        by_training: dict[Key, dict[Hashable, Training]] = {}
        names = dict.fromkeys([*keys, *reported, *_given(seconds)])
        columns = {name: frame[name].tolist() for name in names}
        for row in range(len(frame)):
            key = tuple(_plain(columns[name][row]) for name in parameters)
            repetition = columns[repeat][row] if repeat else None
            training = by_training.setdefault(key, {}).setdefault(repetition, [])
            passed = float(columns[seconds][row]) if seconds else 1.0
            training.append((passed, {name: columns[name][row] for name in reported}))

        def key_of(config: Mapping[str, Any]) -> Key:
            if to_parameters:
                return tuple(to_parameters(config))
            return tuple(config.get(name) for name in parameters)

        trainings = {key: list(repeats.values()) for key, repeats in by_training.items()}
        super().__init__(trainings, key_of, noisy)


def _given(*names: str | None) -> list[str]:
    return [name for name in names if name]


def _check_columns(frame: "pandas.DataFrame", needed: Sequence[str], keys: Sequence[str]) -> None:
    """Raises unless the frame has the columns, and `keys` identify its rows."""
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(f"frame has no columns {missing}; it has {list(frame.columns)}")
    duplicates = int(frame.duplicated(list(keys)).sum())
    if duplicates:
        raise ValueError(
            f"frame has {duplicates} rows with the same {list(keys)} as another; name the column "
            "of `fidelity` or `repeat`"
        )


def mean_training(repeats: Sequence[Training]) -> Training:
    """The mean of repeated trainings, report by report, as long as all of them continue."""
    if len(repeats) == 1:
        return repeats[0]
    return [_mean_report(reports) for reports in zip(*repeats, strict=False)]


def _mean_report(reports: Sequence[Report]) -> Report:
    count = len(reports)
    seconds = sum(report[0] for report in reports) / count
    names = reports[0][1]
    metrics = {name: sum(report[1][name] for report in reports) / count for name in names}
    return seconds, metrics


def _plain(value: Any) -> Hashable:
    """A cell's value; None for an empty cell, as `dict.get` returns for an inactive parameter."""
    plain: Hashable = None if isinstance(value, float) and math.isnan(value) else value
    return plain
