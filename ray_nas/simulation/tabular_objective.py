"""`TabularObjective`: a table of real trainings as an objective for `simulate`."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ray_nas.simulation.virtual_trial import Report

if TYPE_CHECKING:
    import pandas

Key = tuple[Hashable, ...]
Training = list[Report]
"""The reports of one training, in order."""


class TrainingTable:
    """Recorded trainings by config; each may have been repeated.

    Args:
        trainings: The repeated trainings of each key.
        key: The key of a trial's config.
        noisy: Whether a trial follows one of the repeated trainings, drawn at random, or their
            mean.
    """

    def __init__(
        self,
        trainings: Mapping[Key, list[Training]],
        key: Callable[[Mapping[str, Any]], Key],
        noisy: bool,
    ) -> None:
        self._trainings, self._key, self._noisy = trainings, key, noisy

    def __call__(
        self, config: Mapping[str, Any], rng: np.random.Generator | None = None
    ) -> Iterator[Report]:
        """Yields (seconds, metrics) of the config's training.

        Raises:
            ValueError: The table has no such config (`simulate` takes it as a failed trial), or a
                noisy one got no generator.
        """
        if self._noisy and not rng:
            raise ValueError("rng must be a numpy generator where noisy=True, got None")
        repeats = self._trainings.get(self._key(config))
        if repeats is None:
            raise ValueError(f"config is not in the table: {dict(config)}")
        yield from (
            repeats[int(rng.integers(len(repeats)))]
            if self._noisy and rng
            else mean_training(repeats)
        )

    def __len__(self) -> int:
        """The number of configs."""
        return len(self._trainings)

    def values(self, metric: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The metric of every config in the table at the end of its training, the mean of
        repeated ones, in the table's order.
        """
        return np.array(
            [mean_training(repeats)[-1][1][metric] for repeats in self._trainings.values()],
            dtype=np.float64,
        )


class TabularObjective(TrainingTable):
    """A data frame of trainings as an objective.

    Args:
        frame: A row for each report of each training.
        parameters: The columns that name a config. Empty cells stand for inactive parameters.
        metrics: The columns to report.
        seconds: The column with the seconds that each report took since the one before; None takes
            1 for each.
        fidelity: The column that orders the reports of a training (epochs, say); it is reported
            too. None: one report each.
        repeat: The column that tells repeated trainings of a config apart; None if each was trained
            once.
        noisy: Whether a trial follows one of the repeated trainings, drawn at random, or their
            mean.
        to_parameters: Gives the values of `parameters` for a config, e.g. `lambda config:
            (space.to_arch_str(config),)`; None takes the config's entries of these names.

    Raises:
        ValueError: A column is missing, or rows are not told apart.
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
        keys = [*parameters, *([repeat] if repeat else []), *([fidelity] if fidelity else [])]
        missing = [
            name
            for name in [*keys, *metrics, *([seconds] if seconds else [])]
            if name not in frame.columns
        ]
        if missing:
            raise ValueError(f"frame has no columns {missing}; it has {list(frame.columns)}")
        twice = frame.duplicated(keys)
        if twice.any():
            raise ValueError(
                f"frame has {int(twice.sum())} rows that {keys} do not tell apart; name the column of `fidelity` or `repeat`"
            )
        if fidelity:
            frame = frame.sort_values(fidelity, kind="stable")
        reported = [*([fidelity] if fidelity else []), *metrics]
        by_training: dict[Key, dict[Hashable, Training]] = {}
        columns = {
            name: frame[name].tolist()
            for name in dict.fromkeys([*keys, *reported, *([seconds] if seconds else [])])
        }
        for row in range(len(frame)):
            key = tuple(_plain(columns[name][row]) for name in parameters)
            training = by_training.setdefault(key, {}).setdefault(
                columns[repeat][row] if repeat else None, []
            )
            training.append(
                (
                    float(columns[seconds][row]) if seconds else 1.0,
                    {name: columns[name][row] for name in reported},
                )
            )

        def key_of(config: Mapping[str, Any]) -> Key:
            return (
                tuple(to_parameters(config))
                if to_parameters
                else tuple(config.get(name) for name in parameters)
            )

        super().__init__(
            {key: list(repeats.values()) for key, repeats in by_training.items()}, key_of, noisy
        )


def mean_training(repeats: Sequence[Training]) -> Training:
    """Report by report the mean of repeated trainings, as far as all of them went."""
    if len(repeats) == 1:
        return repeats[0]
    mean: Training = []
    for reports in zip(*repeats, strict=False):
        seconds = sum(report[0] for report in reports) / len(reports)
        mean.append(
            (
                seconds,
                {
                    name: sum(report[1][name] for report in reports) / len(reports)
                    for name in reports[0][1]
                },
            )
        )
    return mean


def _plain(value: Any) -> Hashable:
    """Empty cells are None, as `dict.get` gives for an inactive parameter."""
    plain: Hashable = None if isinstance(value, float) and math.isnan(value) else value
    return plain
