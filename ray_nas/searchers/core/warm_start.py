"""Warm start: a search that begins with what an earlier experiment found, on the same task or on
another one.

What another data set says of an architecture is comparable by rank only (its accuracies are
others). So the best of its trials are tried first, and strategies with a model of their own learn
from all of its ranks, for as long as they have little else to go by.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ray_nas import record
from ray_nas.checks import check_number
from ray_nas.searchers.core.objectives import InfeasibleError, Objectives, scalars
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Observation
from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace

if TYPE_CHECKING:
    import pandas

AnySearcher = TypeVar("AnySearcher", bound=ArchitectureSearcher)
Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]


def start_from(
    searcher: AnySearcher,
    source: "str | Path | record.ExperimentRecord | pandas.DataFrame | Pairs",
    *,
    same_task: bool = False,
    points: int = 5,
    objectives: Mapping[str, str] | None = None,
) -> AnySearcher:
    """Lets a search begin with an earlier experiment on the same space.

    It is taken in when the search starts, is saved with the searcher's state, and stands in the
    record.

    Args:
        searcher: A searcher that has proposed nothing yet.
        source: The folder of an experiment that a `ray_nas` searcher ran, its `record.load`; a data
            frame of one row a trial, with a column for each parameter (empty where inactive) or
            `config/...` columns as Tune's `ResultGrid.get_dataframe` has them, and columns of
            metrics; or pairs of config and metrics.
        same_task: Whether its values are those that this search would measure: they then count like
            its own trials, and none of them is proposed again. If False, only their ranks count.
        points: How many of the best are tried first where the task is another, at least 0.
        objectives: The source's metrics, to "min" or "max", where they have other names than the
            searcher's.

    Returns:
        The searcher.

    Raises:
        ValueError: An argument breaks a rule. Configs and metrics that do not fit are found when
            the search starts, before its first trial.
    """
    if searcher._proposals:
        raise ValueError(
            f"searcher must not have proposed anything yet, it has {len(searcher._proposals)} proposals"
        )
    check_number("points", points, at_least=0, whole=True)
    if same_task and objectives is not None:
        raise ValueError(
            "objectives must be left out with same_task=True: the metrics are the searcher's own"
        )
    searcher._at_start.append(
        _WarmStart(
            _trials(source), same_task, points, None if objectives is None else dict(objectives)
        )
    )
    return searcher


@dataclass(frozen=True)
class _Trial:
    config: dict[str, Any]
    reports: list[dict[str, Any]]
    usable: bool = True


@dataclass(frozen=True)
class _WarmStart:
    trials: list[_Trial]
    same_task: bool
    points: int
    objectives: dict[str, str] | None

    def __call__(self, searcher: ArchitectureSearcher) -> None:
        first = sum(proposal.move == "earlier" for proposal in searcher._proposals.values())
        kept = (
            self.trials
            if self.same_task
            else [trial for trial in self.trials if trial.usable and trial.reports]
        )
        configs = {
            f"earlier_{first + index}": _config(searcher.space, trial, index)
            for index, trial in enumerate(kept)
        }
        named = dict(zip(configs, kept, strict=True))
        searcher._note_earlier(configs, self.same_task)
        rows = {
            trial_id: {
                "config": configs[trial_id],
                "metrics": scalars(trial.reports[-1]) if trial.usable and trial.reports else {},
            }
            for trial_id, trial in named.items()
        }
        searcher._record.append({"event": "earlier", "same_task": self.same_task, "trials": rows})
        if self.same_task:
            self._tell(searcher, named)
        else:
            self._transfer(searcher, named)

    def _tell(self, searcher: ArchitectureSearcher, named: Mapping[str, _Trial]) -> None:
        """The trials as if this search had run them."""
        objectives = searcher._ready()
        for trial_id, trial in named.items():
            proposal = searcher._proposals[trial_id]
            for report in trial.reports[:-1]:
                try:
                    values, (violation, _) = objectives.values(report), objectives.violation(report)
                except InfeasibleError:
                    continue
                score = (
                    searcher._scores.preview(values, violation) if searcher._scores else values[0]
                )
                searcher._report(Observation(trial_id, proposal, values, report, score, violation))
            last = trial.reports[-1] if trial.reports else {}
            try:
                if not trial.usable:
                    raise InfeasibleError("it failed")
                values, violation, _ = searcher._outcome(trial_id, last)
            except InfeasibleError:
                searcher._fail(trial_id, proposal)
            else:
                score = searcher._score(trial_id, values, violation)
                searcher._tell(Observation(trial_id, proposal, values, last, score, violation))

    def _transfer(self, searcher: ArchitectureSearcher, named: Mapping[str, _Trial]) -> None:
        """The trials' ranks, and the best of them to be tried first."""
        directions = self.objectives or searcher.objectives
        values: dict[str, tuple[float, ...]] = {}
        for trial_id, trial in named.items():
            try:
                values[trial_id] = Objectives(directions).values(trial.reports[-1])
            except InfeasibleError as why:
                if "not reported" in str(why):
                    raise ValueError(
                        f"source: {why} by its trial {trial.config}; name its metrics with objectives={{...}}"
                    ) from why
        if not values:
            return
        order = np.argsort(np.array(list(values.values())), axis=0, kind="stable")
        ranks = np.argsort(order, axis=0, kind="stable") / max(1, len(values) - 1)
        searcher._transfer(
            [
                Observation(
                    trial_id,
                    searcher._proposals[trial_id],
                    tuple(row.tolist()),
                    named[trial_id].reports[-1],
                    float(row.mean()),
                )
                for trial_id, row in zip(values, ranks, strict=True)
            ]
        )
        best: dict[str, tuple[str, Config]] = {}
        for index in np.argsort(-ranks.mean(axis=1), kind="stable"):
            trial_id = list(values)[int(index)]
            config = searcher._proposals[trial_id].config
            best.setdefault(searcher.space.canonical(config), (trial_id, config))
        searcher._candidates.first += list(best.values())[: self.points]


def _trials(source: Any) -> list[_Trial]:
    if isinstance(source, str | Path):
        source = record.load(source)
    if isinstance(source, record.ExperimentRecord):
        ended = [trial for trial in source.trials if trial.status != "unfinished"]
        return [
            _Trial(trial.config, list(trial.results), trial.status == "completed")
            for trial in ended
        ]
    if hasattr(source, "to_dict"):
        rows = [
            {name: value for name, value in row.items() if not _is_empty(value)}
            for row in source.to_dict("records")
        ]
        return [_Trial(row, [row]) for row in rows]
    return [_Trial(dict(config), [dict(metrics)]) for config, metrics in source]


def _config(space: SearchSpace, trial: _Trial, index: int) -> Config:
    nested: dict[str, Any] = {}
    for name, value in trial.config.items():
        if name.startswith("config/"):
            *path, last = name.removeprefix("config/").split("/")
            level = nested
            for key in path:
                level = level.setdefault(key, {})
            level[last] = value
    found = space.from_tune(nested) if nested else space.own_parameters(trial.config)
    config = {name: _value(space.config_space[name], value) for name, value in found.items()}
    try:
        space.validate(config)
    except ValueError as error:
        raise ValueError(f"source: trial {index} is none of this space: {error}") from error
    return config


def _value(parameter: Any, value: Any) -> Any:
    """The parameter's own value: a data frame makes integers floats where some cells are empty."""
    value = parameters.plain(value)
    if not isinstance(value, float) or not value.is_integer():
        return value
    listed = parameters.listed_values(parameter)
    if listed is None:
        listed = [int(value)] if isinstance(parameters.plain(parameter.default_value), int) else []
    return next((known for known in listed if known == value and type(known) is not bool), value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
