"""Warm start: a search that begins with the trials of an earlier experiment.

On the same task, earlier trials count like the search's own. On another task only ranks are
comparable: the best trials are tried first, and strategies with a model learn from all ranks until
they have enough results of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ray_nas.checks import check_int
from ray_nas.record.earlier_trials import EarlierTrial, Source, earlier_trials
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.objectives import Objectives
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.search_space import Config, SearchSpace

AnySearcher = TypeVar("AnySearcher", ArchitectureSearcher, SearcherWrapper)


def start_from(
    searcher: AnySearcher,
    source: Source,
    *,
    same_task: bool = False,
    best_first: int = 5,
    objectives: Mapping[str, str] | None = None,
) -> AnySearcher:
    """Starts a search from an earlier experiment on the same space.

    The trials are imported when the search starts; they are part of its state and its record.

    Args:
        searcher: A searcher that has proposed nothing yet.
        source: The folder of an experiment that a `ray_nas` searcher ran, or its `record.load`; a
            data frame with one row per trial, and columns for parameters (empty where inactive; or
            `config/...` columns, as Tune's `ResultGrid.get_dataframe` has them) and for metrics; or
            pairs of config and metrics.
        same_task: Whether its metrics are those that this search would measure. They then count
            like its own results, and none of its configs is proposed again. Else only ranks count.
        best_first: How many of the best to try first if the task is another, at least 0.
        objectives: The source's metrics, to "min" or "max", if they have other names than the
            searcher's.

    Returns:
        The searcher.

    Raises:
        ValueError: An argument breaks a rule. Configs and metrics that do not fit are reported when
            the search starts, before its first trial.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201()
        >>> config = space.sample(random_state=0)
        >>> searcher = RandomSearch(space, "accuracy", "max", seed=0)
        >>> searcher = start_from(searcher, [(config, {"accuracy": 0.9})])
        >>> searcher.suggest("trial_1") == config
        True
    """
    if searcher.ledger.proposals:
        raise ValueError(
            "searcher must not have proposed anything yet, "
            f"it has {len(searcher.ledger.proposals)} proposals"
        )
    searcher.check_import(same_task=same_task)
    check_int("best_first", best_first, low=0)
    if same_task and objectives is not None:
        raise ValueError(
            "objectives must be left out with same_task=True: the metrics are the searcher's own"
        )
    goals = None if objectives is None else dict(objectives)
    trials = ImportedTrials(earlier_trials(source), same_task, best_first, goals)
    searcher.import_when_ready(trials)
    return searcher


@dataclass(frozen=True)
class ImportedTrials:
    """Trials to import once the searcher's space and objectives are known."""

    trials: list[EarlierTrial]
    same_task: bool
    best_first: int
    objectives: dict[str, str] | None

    def __call__(self, searcher: ArchitectureSearcher) -> None:
        """Imports the trials.

        Raises:
            ValueError: A config is not one of the space, or a metric is missing.
        """
        kept = [trial for trial in self.trials if self.same_task or _has_result(trial)]
        space = searcher.space
        own = [
            replace(trial, config=_config(space, trial, index)) for index, trial in enumerate(kept)
        ]
        arguments = {"best_first": self.best_first, "objectives": self.objectives}
        ids = searcher.ledger.add_imported(own, arguments, same_task=self.same_task)
        named = dict(zip(ids, kept, strict=True))
        if self.same_task:
            _learn_results(searcher, named)
        else:
            self._learn_ranks(searcher, named)

    def _learn_ranks(
        self, searcher: ArchitectureSearcher, trials: Mapping[str, EarlierTrial]
    ) -> None:
        """Teaches the trials' ranks, and has the best of them tried first."""
        objectives = Objectives(self.objectives or searcher.objectives)
        values: dict[str, tuple[float, ...]] = {}
        for trial_id, trial in trials.items():
            evaluation = objectives.evaluate(trial.reports[-1])
            if "not reported" in evaluation.unusable:
                raise ValueError(
                    f"source: {evaluation.unusable} by its trial {trial.config}; "
                    "name its metrics with objectives={...}"
                )
            if not evaluation.unusable:
                values[trial_id] = evaluation.values
        if not values:
            return
        ids = list(values)
        ranks = _ranks(np.array(list(values.values())))
        proposals = searcher.ledger.proposals
        searcher.learn_ranks(
            [
                Observation(
                    trial_id,
                    proposals[trial_id],
                    tuple(row.tolist()),
                    trials[trial_id].reports[-1],
                    float(row.mean()),
                )
                for trial_id, row in zip(ids, ranks, strict=True)
            ]
        )
        order = np.argsort(-ranks.mean(axis=1), kind="stable")
        self._try_best_first(searcher, [ids[int(index)] for index in order])

    def _try_best_first(self, searcher: ArchitectureSearcher, ids: Iterable[str]) -> None:
        best: dict[str, tuple[str, Config]] = {}
        for trial_id in ids:
            config = searcher.ledger.proposals[trial_id].config
            best.setdefault(searcher.space.canonical(config), (trial_id, config))
        for trial_id, config in list(best.values())[: self.best_first]:
            searcher.propose_first(trial_id, [config])


def _learn_results(searcher: ArchitectureSearcher, trials: Mapping[str, EarlierTrial]) -> None:
    """Teaches the trials as if this search had run them."""
    for trial_id, trial in trials.items():
        for report in trial.reports[:-1]:
            searcher.learn_report(trial_id, report)
        last = trial.reports[-1] if trial.reports else {}
        evaluation = None
        if trial.usable:
            proposal = searcher.ledger.proposals[trial_id]
            evaluation = searcher.evaluator.judge_end(proposal, last)
        searcher.learn_end(trial_id, last, evaluation)


def _has_result(trial: EarlierTrial) -> bool:
    return trial.usable and bool(trial.reports)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Each column's ranks, from 0 (worst) to 1."""
    order = np.argsort(values, axis=0, kind="stable")
    ranks: np.ndarray = np.argsort(order, axis=0, kind="stable") / max(1, len(values) - 1)
    return ranks


def _config(space: SearchSpace, trial: EarlierTrial, index: int) -> Config:
    """A trial's config as one of the space."""
    nested = _nested(trial.config)
    found = space.from_tune(nested) if nested else space.own_parameters(trial.config)
    config = {name: _value(space.config_space[name], value) for name, value in found.items()}
    try:
        space.validate(config)
    except ValueError as error:
        raise ValueError(f"source: trial {index} is not in this space: {error}") from error
    return config


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """The `config/...` columns of a row as a nested dict."""
    nested: dict[str, Any] = {}
    for name, value in row.items():
        if not name.startswith("config/"):
            continue
        *path, last = name.removeprefix("config/").split("/")
        level = nested
        for key in path:
            level = level.setdefault(key, {})
        level[last] = value
    return nested


def _value(parameter: Any, value: Any) -> Any:
    """The parameter's own value: a data frame turns integers into floats if cells are empty."""
    value = parameters.plain(value)
    if not isinstance(value, float) or not value.is_integer():
        return value
    listed = parameters.listed_values(parameter)
    if listed is None:
        is_integer = isinstance(parameters.plain(parameter.default_value), int)
        listed = [int(value)] if is_integer else []
    matches = (item for item in listed if item == value and type(item) is not bool)
    return next(matches, value)
