"""What the trials of an experiment came to at full length."""

import math
from dataclasses import dataclass

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import Curve, value_at
from ray_nas.estimators.fidelity import finished_curves
from ray_nas.record import ExperimentRecord, TrialRecord


@dataclass(frozen=True)
class FinalResults:
    """The trials of a search that trained to the end, with their results.

    Made by `final_results`.
    """

    metric: str
    mode: str
    """"min" or "max"."""
    trials: list[TrialRecord]
    quality: Array
    """The final metric, its sign changed if it is minimised: larger is better, shape (trials,)."""
    curves: list[Curve]
    """The metric over time of each trial; empty where no trial reported a time."""
    full: float
    """Full length; NaN where no trial reported a time."""
    notes: list[str]
    """What was left out, and why."""


def final_results(
    record: ExperimentRecord, time_attr: str, max_t: float | None = None
) -> FinalResults:
    """The completed trials of full length whose first objective is finite.

    Without a time, those that ran to their end. Trials that retrain a winner are left out.

    Args:
        record: The experiment.
        time_attr: The reported metric that counts the budget.
        max_t: Full length; None for the longest in the record.

    Raises:
        ValueError: No trial reached `max_t`.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> final_results(searcher.ledger.record, "epoch").quality.tolist()
        [-0.5, -0.2]
    """
    metric, mode = next(iter(record.objectives.items()))
    ended = [
        trial
        for trial in record.trials.values()
        if trial.role == "search" and trial.status != "unfinished"
    ]
    usable = [
        trial
        for trial in ended
        if trial.status == "completed" and math.isfinite(trial.metrics.get(metric, math.nan))
    ]
    notes = _counted(len(ended) - len(usable), f"without a finite {metric}")
    curves: list[Curve] = []
    full = math.nan
    if any(time_attr in trial.metrics for trial in usable):
        full, finished = finished_curves(usable, time_attr, metric, max_t)
        whole = [trial for trial in usable if trial.trial_id in finished]
        curves = [finished[trial.trial_id] for trial in whole]
        values = [value_at(curve, full) for curve in curves]
        notes += _counted(len(usable) - len(whole), f"that ended before {time_attr} {full:g}")
    else:
        whole = [trial for trial in usable if not trial.reason]
        values = [trial.metrics[metric] for trial in whole]
        notes += _counted(len(usable) - len(whole), "stopped early")
        notes.append(f"No rungs: no trial reported {time_attr!r}.")
    quality = np.array(values, dtype=np.float64) * (1.0 if mode == "max" else -1.0)
    return FinalResults(metric, mode, whole, quality, curves, full, notes)


def _counted(number: int, which: str) -> list[str]:
    return [f"Left out: {number} trial{'s'[: number - 1]} {which}."] if number else []
