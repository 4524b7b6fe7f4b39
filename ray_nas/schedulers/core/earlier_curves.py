"""Finished curves of earlier experiments, from a record or from a long data frame."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ray_nas.record import ExperimentRecord, load

EarlierTrial = tuple[dict[str, Any], list[tuple[float, float]]]
"""A config and its curve: (time, value) in rising order of time, larger is better."""


def read_prior(
    prior: Any, time_attr: str, metric: str, mode: str, max_t: float
) -> list[EarlierTrial]:
    """The curves that reach `max_t`, or diverged before.

    Args:
        prior: An `ExperimentRecord`, the path of one, a long data frame (one row a report: `trial`,
            the columns `time_attr` and `metric`, and one for each parameter of the architecture),
            or a list of these.
        time_attr: Name of the budget.
        metric: Name of the metric.
        mode: "min" or "max".
        max_t: Full length; what was reported beyond it is left out.

    Raises:
        ValueError: A column is missing, or no curve is long enough.
    """
    parts = prior if isinstance(prior, Sequence) and not isinstance(prior, str) else [prior]
    sign = 1.0 if mode == "max" else -1.0
    found: list[EarlierTrial] = []
    for part in parts:
        for config, rows in _rows(part, time_attr, metric):
            points = {
                float(time): sign * float(value) for time, value in rows if float(time) <= max_t
            }
            curve = [
                (time, value if math.isfinite(value) else math.nan)
                for time, value in sorted(points.items())
            ]
            if curve and (curve[-1][0] >= 0.999 * max_t or math.isnan(curve[-1][1])):
                found.append((config, curve))
    if not found:
        raise ValueError(
            f"prior holds no curve of {metric!r} that reaches max_t = {max_t:g} in {time_attr!r}"
        )
    return found


def _rows(
    part: Any, time_attr: str, metric: str
) -> Iterator[tuple[dict[str, Any], list[tuple[Any, Any]]]]:
    if isinstance(part, str | Path):
        part = load(part)
    if isinstance(part, ExperimentRecord):
        for trial in part.trials:
            yield (
                trial.config,
                [
                    (result[time_attr], result[metric])
                    for result in trial.results
                    if time_attr in result and metric in result
                ],
            )
        return
    if not hasattr(part, "to_dict") or not hasattr(part, "columns"):
        raise TypeError(
            f"prior must be a record, its path, a data frame, or a list of these, got {type(part).__name__}"
        )
    for name in ("trial", time_attr, metric):
        if name not in part.columns:
            raise ValueError(f"prior needs a column {name!r}, it has {list(part.columns)}")
    trials: dict[Any, tuple[dict[str, Any], list[tuple[Any, Any]]]] = {}
    for row in part.to_dict("records"):
        config: Mapping[str, Any] = {
            name: value
            for name, value in row.items()
            if name not in ("trial", time_attr, metric) and value == value
        }
        trials.setdefault(row["trial"], (dict(config), []))[1].append((row[time_attr], row[metric]))
    yield from trials.values()
