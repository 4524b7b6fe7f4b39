"""Trials of earlier experiments from any source: a folder, a record, a data frame, or pairs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ray_nas.record.experiment import Curve, ExperimentRecord, load

if TYPE_CHECKING:
    import pandas

Pairs: TypeAlias = Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
"""A config and its metrics for each trial."""
Source: TypeAlias = "str | Path | ExperimentRecord | pandas.DataFrame | Pairs"
CurveSource: TypeAlias = "str | Path | ExperimentRecord | pandas.DataFrame"


@dataclass(frozen=True)
class EarlierTrial:
    """A trial of an earlier experiment."""

    config: dict[str, Any]
    """Its parameters; a data frame's row as it is."""
    reports: list[dict[str, Any]]
    """The metrics of each report, in order."""
    usable: bool = True
    """Whether it completed."""


def earlier_trials(source: Source) -> list[EarlierTrial]:
    """The ended trials of a source.

    Args:
        source: The folder of an experiment that a ray_nas searcher ran, or its `record.load`; a
            data frame with one row per trial, and a column for each parameter and metric; or pairs
            of config and metrics.

    Raises:
        FileNotFoundError: The folder has no record.
        RecordError: The record is damaged.

    Example:
        >>> earlier_trials([({"depth": 2}, {"loss": 0.5})])
        [EarlierTrial(config={'depth': 2}, reports=[{'loss': 0.5}], usable=True)]
    """
    if isinstance(source, str | Path):
        source = load(source)
    if isinstance(source, ExperimentRecord):
        ended = [trial for trial in source.trials.values() if trial.status != "unfinished"]
        return [
            EarlierTrial(trial.config, list(trial.reports), trial.status == "completed")
            for trial in ended
        ]
    if hasattr(source, "to_dict"):
        return [EarlierTrial(row, [row]) for row in _filled_cells(source)]
    return [EarlierTrial(dict(config), [dict(metrics)]) for config, metrics in source]


def earlier_curves(
    source: CurveSource, time_attr: str, metric: str
) -> Iterator[tuple[dict[str, Any], Curve]]:
    """The config and the learning curve of each trial of a source.

    Args:
        source: A record, the path of one, or a data frame with one row per report: the columns
            `trial`, `time_attr` and `metric`, and one for each parameter.
        time_attr: Name of the metric that says how far a trial has come.
        metric: Name of the metric.

    Raises:
        TypeError: It is something else.
        ValueError: The data frame lacks a column.
    """
    if isinstance(source, str | Path):
        source = load(source)
    if isinstance(source, ExperimentRecord):
        for trial in source.trials.values():
            yield trial.config, trial.curve(time_attr, metric)
        return
    if not hasattr(source, "to_dict") or not hasattr(source, "columns"):
        raise TypeError(
            "prior must be a record, its path, a data frame, or a list of these, "
            f"got {type(source).__name__}"
        )
    keys = ("trial", time_attr, metric)
    for name in keys:
        if name not in source.columns:
            raise ValueError(f"prior needs a column {name!r}, it has {list(source.columns)}")
    yield from _curves_of_rows(source.to_dict("records"), *keys)


def _curves_of_rows(
    rows: Sequence[Mapping[Any, Any]], trial: str, time_attr: str, metric: str
) -> Iterator[tuple[dict[str, Any], Curve]]:
    configs: dict[Any, dict[str, Any]] = {}
    points: dict[Any, dict[float, float]] = {}
    for row in rows:
        name = row[trial]
        if name not in configs:
            configs[name] = {
                key: value
                for key, value in row.items()
                if key not in (trial, time_attr, metric) and value == value
            }
            points[name] = {}
        points[name][row[time_attr]] = row[metric]
    for name, config in configs.items():
        yield config, sorted(points[name].items())


def _filled_cells(frame: "pandas.DataFrame") -> list[dict[str, Any]]:
    """The rows of a data frame without empty cells."""
    return [
        {str(name): value for name, value in row.items() if not _is_empty(value)}
        for row in frame.to_dict("records")
    ]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
