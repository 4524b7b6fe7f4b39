"""The scores of an experiment's trials, from its record and from the user."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.arrays import Array
from ray_nas.record import ExperimentRecord, TrialRecord
from ray_nas.spaces.core.search_space import SearchSpace

Score: TypeAlias = (
    Mapping[str, float] | Callable[[SearchSpace, list[dict[str, Any]]], Sequence[float]]
)
"""Trial id to score, or a function of a space and configs; larger is better."""


@dataclass(frozen=True)
class ScoreColumn:
    """A score of each trial; made by `known_values`."""

    values: Array
    """Shape (trials,); NaN where unknown."""
    is_known: npt.NDArray[np.bool_]
    """Whether the trial has a score, finite or not, shape (trials,)."""


def known_values(values: Sequence[float | None]) -> ScoreColumn:
    """The column of these values; None where the trial has none.

    Example:
        >>> known_values([0.5, None]).is_known.tolist()
        [True, False]
    """
    is_known = np.array([value is not None for value in values], dtype=np.bool_)
    return ScoreColumn(np.array(values, dtype=np.float64), is_known)


def given_column(
    name: str,
    score: Score,
    trials: Sequence[TrialRecord],
    configs: list[dict[str, Any]],
    space: SearchSpace | None,
) -> ScoreColumn:
    """A user's score of each trial.

    Args:
        name: For error messages.
        score: By trial id, or a function.
        trials: The trials.
        configs: Their configs.
        space: Passed to a function.

    Raises:
        ValueError: A function has no space, or returns another number of values.
    """
    if isinstance(score, Mapping):
        return known_values([score.get(trial.trial_id) for trial in trials])
    if space is None:
        raise ValueError(f"scores: {name!r} is a function of space and configs, so it needs space=")
    values = list(score(space, configs)) if configs else []
    if len(values) != len(configs):
        raise ValueError(
            f"scores: {name!r} must return one value for each of the {len(configs)} configs, "
            f"got {len(values)}"
        )
    return known_values(values)


def recorded_columns(
    record: ExperimentRecord, configs: list[dict[str, Any]], space: SearchSpace | None
) -> dict[str, ScoreColumn]:
    """The scores of the trials that were candidates of a warm start, and what these were made from.

    Args:
        record: The experiment.
        configs: The configs of the trials.
        space: Tells which configs are the same architecture; None for equal configs.

    Returns:
        Name to column; empty if the record has no scores.
    """
    scored = record.scored
    if scored is None:
        return {}
    key = space.canonical if space else _text
    places = {key(config): place for place, config in enumerate(scored.configs)}
    found = [places.get(key(config)) for config in configs]
    measures: list[dict[str, float]] = scored.measures or [{} for _ in scored.configs]
    columns = {name: [row[name] for row in measures] for name in (measures or [{}])[0]}
    columns[scored.score] = scored.scores
    return {
        name: known_values([None if place is None else values[place] for place in found])
        for name, values in columns.items()
    }


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)
