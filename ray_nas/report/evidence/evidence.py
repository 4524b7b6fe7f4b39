"""`Evidence`: a record as results, features and curves, computed once for all checks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import Curve, value_at
from ray_nas.estimators.fidelity import default_rungs
from ray_nas.record import ExperimentRecord, TrialRecord
from ray_nas.report.evidence.held_out import held_out_metric
from ray_nas.report.evidence.time_name import time_name
from ray_nas.report.evidence.trial_features import kernel, parameter_columns
from ray_nas.retraining.results import Retraining

_MAX_TRIALS = 600
"""More trials are thinned out where time grows with their cube."""


@dataclass(frozen=True)
class Level:
    """The trials that were trained for as long, and their results."""

    time: float | None
    """How long; None where no trial reported a time."""
    trials: list[TrialRecord]
    """In the order of proposal."""
    quality: Array
    """The first objective, its sign changed if it is minimised: larger is better."""
    columns: dict[str, Array]
    """The varying parameters, as `parameter_columns`; empty if nothing varies."""

    @cached_property
    def kernel(self) -> Array:
        """How alike their configs are, shape (trials, trials)."""
        return kernel(self.columns)

    @property
    def varies(self) -> bool:
        """Whether there are different configs with different results."""
        return bool(self.columns) and bool(np.ptp(self.quality) > 0)

    def place(self, trial: TrialRecord | None) -> int | None:
        """The index of a trial; None if it is not among them."""
        ids = [one.trial_id for one in self.trials]
        return ids.index(trial.trial_id) if trial and trial.trial_id in ids else None


class Evidence:
    """The search's side of a record, and what came of retraining.

    Args:
        record: The experiment.
        retraining: Its winner and its baseline, trained again; None if they were not.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> evidence = Evidence(searcher.ledger.record)
        >>> evidence.winner.trial_id, evidence.full.quality.tolist()
        ('1', [-0.5, -0.2])
    """

    def __init__(self, record: ExperimentRecord, retraining: Retraining | None = None) -> None:
        self.record = record
        self.retraining = retraining
        self.metric, self.mode = next(iter(record.objectives.items()), ("", "max"))
        self.sign = 1.0 if self.mode == "max" else -1.0
        self.domains = record.started.domains if record.started else None
        self._levels: dict[float, Level] = {}

    @cached_property
    def time(self) -> str | None:
        """The metric that counts the budget."""
        return time_name(self.record)

    @cached_property
    def trials(self) -> list[TrialRecord]:
        """The completed trials of the search with a finite result, in the order of proposal."""
        return [
            trial
            for trial in self.record.trials.values()
            if trial.role == "search"
            and trial.status == "completed"
            and math.isfinite(trial.metrics.get(self.metric, math.nan))
        ]

    @cached_property
    def winner(self) -> TrialRecord | None:
        """The best trial; the retraining's where there is one."""
        if self.retraining and self.retraining.winner in self.record.trials:
            return self.record.trials[self.retraining.winner]
        return next(iter(self.record.ranked()), None)

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Finite results over time by trial id; larger is better. Empty without a time."""
        if self.time is None:
            return {}
        found: dict[str, Curve] = {}
        for trial in self.trials:
            curve = trial.curve(self.time, self.metric)
            found[trial.trial_id] = [
                (time, self.sign * value) for time, value in curve if math.isfinite(value)
            ]
        return {name: curve for name, curve in found.items() if curve}

    @cached_property
    def full_time(self) -> float | None:
        """Full length: that of the longest trial."""
        return max((curve[-1][0] for curve in self.curves.values()), default=None)

    @cached_property
    def full(self) -> Level:
        """The trials of full length. Without a time: those that ran to their end."""
        if self.full_time is None:
            whole = [trial for trial in self.trials if not trial.reason]
            return self._level(None, whole, [self.sign * one.metrics[self.metric] for one in whole])
        return self.level(self.full_time)

    @cached_property
    def has_early_stops(self) -> bool:
        """Whether trials ended before their full length."""
        return len(self.full.trials) < len(self.trials)

    @cached_property
    def rungs(self) -> list[float]:
        """The times at which trials were stopped; a third, a ninth, ... if they were many."""
        if self.full_time is None:
            return []
        ends = [curve[-1][0] for curve in self.curves.values() if curve[-1][0] < self.full_time]
        times, counts = np.unique(ends, return_counts=True)
        usual = [float(time) for time in times[counts >= max(3, 0.05 * len(ends))]]
        if 1 <= len(usual) <= 5:
            return usual
        return default_rungs(self.curves.values(), self.full_time)

    def level(self, time: float) -> Level:
        """The trials that were trained until a time, and what they had reached by then."""
        if time not in self._levels:
            self._levels[time] = self._reached(time)
        return self._levels[time]

    def _reached(self, time: float) -> Level:
        reached = [
            trial
            for trial in self.trials
            if trial.trial_id in self.curves and self.curves[trial.trial_id][-1][0] >= time
        ]
        values = [value_at(self.curves[trial.trial_id], time) for trial in reached]
        known = [
            (one, value) for one, value in zip(reached, values, strict=True) if value is not None
        ]
        return self._level(time, [one for one, _ in known], [value for _, value in known])

    def _level(
        self, time: float | None, trials: list[TrialRecord], quality: Sequence[float]
    ) -> Level:
        chosen = self._thinned(trials)
        columns = parameter_columns([trials[place].config for place in chosen], self.domains)
        values = np.array([quality[place] for place in chosen], dtype=np.float64)
        return Level(time, [trials[place] for place in chosen], values, columns)

    def _thinned(self, trials: Sequence[TrialRecord]) -> list[int]:
        """At most 600 indices, evenly over the search, the winner and the baseline among them."""
        if len(trials) <= _MAX_TRIALS:
            return list(range(len(trials)))
        named = {trial.trial_id for trial in (self.winner, self.record.baseline) if trial}
        kept = {place for place, trial in enumerate(trials) if trial.trial_id in named}
        even = np.linspace(0, len(trials) - 1, _MAX_TRIALS - len(named)).round().astype(int)
        return sorted(kept | set(even.tolist()))

    @cached_property
    def test_metric(self) -> str | None:
        """The held-out metric that trials report."""
        return held_out_metric(self.record)
