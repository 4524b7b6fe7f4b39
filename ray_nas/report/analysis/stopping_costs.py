"""What early stopping saved, and whether it was safe, from the learning curves alone."""

import math
from dataclasses import dataclass
from typing import Final

from ray_nas.estimators.curves.curve import value_at
from ray_nas.record import TrialRecord
from ray_nas.record.experiment import Curve
from ray_nas.report.analysis.search_results import SearchResults

NUMBER: Final = "report number"
"""The budget of trials that report none."""


@dataclass(frozen=True)
class StoppedTrial:
    """A trial that ended before full length."""

    trial: TrialRecord
    curve: Curve
    time: float
    """The budget at which it ended."""
    was_ahead: bool | None
    """Whether it was better than the winner had been at that budget; None if that is unknown."""


@dataclass(frozen=True)
class StoppedTrials:
    """Early stopping in one experiment; made by `stopped_trials`."""

    metric: str
    mode: str
    time_attr: str
    full: float
    """Full length: the longest budget of any trial."""
    stopped: list[StoppedTrial]
    finished: list[tuple[TrialRecord, Curve]]
    """The trials of full length, with their curves."""
    winner: TrialRecord | None
    """The best trial of full length."""

    @property
    def saved(self) -> float:
        """The budget that full trainings of the stopped trials would have cost on top."""
        return sum(self.full - one.time for one in self.stopped)

    @property
    def spent(self) -> float:
        """The budget of all completed trials."""
        return sum(one.time for one in self.stopped) + self.full * len(self.finished)

    @property
    def compared(self) -> int:
        """How many stopped trials can be compared with the winner at the same budget."""
        return sum(one.was_ahead is not None for one in self.stopped)

    @property
    def ahead(self) -> int:
        """How many of them were better than the winner at the same budget."""
        return sum(one.was_ahead is True for one in self.stopped)


def stopped_trials(
    results: SearchResults, *, time_attr: str = "training_iteration"
) -> StoppedTrials:
    """The completed trials, apart by whether they reached full length.

    Args:
        results: The trials.
        time_attr: The reported metric that counts the budget; the number of the report where no
            trial reports it.

    Example:
        >>> from ray_nas.record import ExperimentRecord, events
        >>> from ray_nas.report.analysis.search_results import search_results
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> for name, losses in {"a": [0.9, 0.4], "b": [1.0]}.items():
        ...     record.apply(events.TrialProposed(name, {"depth": 2}, "random", ()))
        ...     for loss in losses:
        ...         record.apply(events.TrialReported(name, {"loss": loss}))
        ...     record.apply(events.TrialEnded(name, "completed"))
        >>> found = stopped_trials(search_results(record))
        >>> found.saved, found.ahead
        (1.0, 0)
    """
    completed = [trial for trial in results.trials if trial.status == "completed"]
    is_reported = any(time_attr in trial.metrics for trial in completed)
    curves = {
        trial.trial_id: _curve(trial, results.metric, time_attr if is_reported else None)
        for trial in completed
    }
    ended = [trial for trial in completed if curves[trial.trial_id]]
    full = max((curves[trial.trial_id][-1][0] for trial in ended), default=math.nan)
    finished = [trial for trial in ended if curves[trial.trial_id][-1][0] >= full]
    winner = max(
        (trial for trial in finished),
        key=lambda trial: results.sign * curves[trial.trial_id][-1][1],
        default=None,
    )
    best = curves[winner.trial_id] if winner else []
    return StoppedTrials(
        results.metric,
        results.mode,
        time_attr if is_reported else NUMBER,
        full,
        [
            _stopped(trial, curves[trial.trial_id], best, results.sign)
            for trial in ended
            if curves[trial.trial_id][-1][0] < full
        ],
        [(trial, curves[trial.trial_id]) for trial in finished],
        winner,
    )


def _curve(trial: TrialRecord, metric: str, time_attr: str | None) -> Curve:
    """The finite values over time."""
    if time_attr is not None:
        curve = trial.curve(time_attr, metric)
    else:
        numbered = enumerate(trial.reports, start=1)
        curve = [(float(number), one[metric]) for number, one in numbered if metric in one]
    return [(time, value) for time, value in curve if math.isfinite(value)]


def _stopped(trial: TrialRecord, curve: Curve, best: Curve, sign: float) -> StoppedTrial:
    time, value = curve[-1]
    then = value_at(best, time) if best else None
    is_ahead = None if then is None else sign * (value - then) > 0
    return StoppedTrial(trial, curve, time, is_ahead)
