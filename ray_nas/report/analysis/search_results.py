"""`SearchResults`: the trials of a search, with their values and costs as arrays."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.record import ExperimentRecord, TrialRecord

SECONDS: Final = "seconds of training"
ITERATIONS: Final = "training iterations"
REPORTS: Final = "reports"

SECONDS_KEY: Final = "time_total_s"
ITERATION_KEY: Final = "training_iteration"


@dataclass(frozen=True)
class SearchResults:
    """The trials of a search in the order of their proposals; made by `search_results`."""

    record: ExperimentRecord
    metric: str
    """The first objective."""
    mode: str
    """"min" or "max"."""
    trials: list[TrialRecord]
    """Trials that train a winner again are left out, and so are imported ones."""
    values: Array
    """The last value of the first objective, shape (trials,); NaN unless the trial completed."""
    costs: Array
    """What each trial cost, shape (trials,); 0 for a trial that reported nothing."""
    cost_unit: str
    """"seconds of training", "training iterations" or "reports"."""

    @property
    def sign(self) -> float:
        """1 where larger values are better, -1 where smaller ones are."""
        return 1.0 if self.mode == "max" else -1.0

    @property
    def is_usable(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether each trial has a value, shape (trials,)."""
        return np.isfinite(self.values)


def search_results(record: ExperimentRecord) -> SearchResults:
    """The trials of a search with their values and costs.

    Costs are seconds if every trial that reported says them (Tune does), else training iterations,
    else numbers of reports.

    Args:
        record: The experiment.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(events.TrialProposed("a", {"depth": 2}, "random", ()))
        >>> record.apply(events.TrialReported("a", {"loss": 0.5, "time_total_s": 3.0}))
        >>> record.apply(events.TrialEnded("a", "completed"))
        >>> found = search_results(record)
        >>> found.values.tolist(), found.costs.tolist(), found.cost_unit
        ([0.5], [3.0], 'seconds of training')
    """
    metric, mode = first_objective(record)
    trials = [trial for trial in record.trials.values() if trial.role == "search"]
    costs, unit = _costs(trials)
    values = np.array([final_value(trial, metric) for trial in trials], dtype=np.float64)
    return SearchResults(record, metric, mode, trials, values, costs, unit)


def first_objective(record: ExperimentRecord) -> tuple[str, str]:
    """The first objective's name, and "min" or "max".

    Raises:
        ValueError: The record has none: the experiment never started.
    """
    if not record.objectives:
        raise ValueError("the record has no objectives: its experiment never started")
    return next(iter(record.objectives.items()))


def final_value(trial: TrialRecord, metric: str) -> float:
    """A metric's last value; NaN unless the trial completed and the value is finite."""
    value = trial.metrics.get(metric, math.nan) if trial.status == "completed" else math.nan
    return float(value) if math.isfinite(value) else math.nan


def best_value(trial: TrialRecord, metric: str, mode: str) -> float:
    """A metric's best value over the reports of a trial; NaN if none is finite.

    Example:
        >>> trial = TrialRecord("a", {}, "random", (), reports=[{"loss": 0.4}, {"loss": 0.5}])
        >>> best_value(trial, "loss", "min")
        0.4
    """
    values = [report[metric] for report in trial.reports if metric in report]
    finite = [value for value in values if math.isfinite(value)]
    return float((max if mode == "max" else min)(finite)) if finite else math.nan


def _costs(trials: list[TrialRecord]) -> tuple[Array, str]:
    reported = [trial.metrics for trial in trials if trial.reports]
    for key, unit in ((SECONDS_KEY, SECONDS), (ITERATION_KEY, ITERATIONS)):
        if reported and all(key in metrics for metrics in reported):
            costs = [trial.metrics.get(key, 0.0) for trial in trials]
            return np.nan_to_num(np.array(costs, dtype=np.float64)), unit
    return np.array([len(trial.reports) for trial in trials], dtype=np.float64), REPORTS
