"""Judges reports and ended trials, and scores them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ray_nas.record.events import Metrics
from ray_nas.searchers.core.objectives import Evaluation
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.scalarization import Scores, scores


@dataclass(frozen=True)
class Observation:
    """A trial's report or end, for the strategy to learn from."""

    trial_id: str
    proposal: Proposal
    values: tuple[float, ...]
    """The objectives, all to be maximised."""
    metrics: Mapping[str, Any]
    """The trial's flat result."""
    score: float
    """To be maximised: the objective; with several objectives, or with limits on reported metrics,
    one number for all of them."""
    violation: float = 0.0
    """By how much reported metrics break their limits; 0 if they keep them. The score includes
    it."""

    def time(self, time_attr: str) -> float | None:
        """How far the trial has come; None if it does not report a finite number.

        Args:
            time_attr: The metric that says so.
        """
        time = self.metrics.get(time_attr)
        if not isinstance(time, int | float | np.number) or not math.isfinite(time):
            return None
        return float(time)


class Evaluator:
    """Judges metrics by the objectives and limits of a search, and scores ended trials.

    Args:
        problem: The search problem, complete.
        scalarize: Whether the strategy needs one score per trial; else the score is the first
            objective.
    """

    def __init__(self, problem: SearchProblem, *, scalarize: bool) -> None:
        self.objectives = problem.complete()
        self._problem = problem
        has_several = len(self.objectives.directions) > 1 or bool(self.objectives.constraints)
        self._scores = Scores() if scalarize and has_several else None
        self._cost_names: frozenset[str] | None = None
        """The names that `costs` returns, once known."""

    def judge(self, metrics: Mapping[str, Any]) -> Evaluation:
        """The values of a report, and the limits that it breaks."""
        return self.objectives.evaluate(metrics)

    def judge_end(self, proposal: Proposal, metrics: Mapping[str, Any]) -> Evaluation:
        """The same for an ended trial; every limit must be on a cost or on a reported metric."""
        absent = [name for name in self.objectives.constraints if name not in metrics]
        if absent and self._cost_names is None:
            self._cost_names = frozenset(self._problem.costs(proposal.config))
        for name in absent:
            if name not in (self._cost_names or ()):
                reason = f"constraints has {name!r}, which is neither one of the costs nor reported"
                return Evaluation(unusable=reason)
        return self.objectives.evaluate(metrics)

    def preview(self, evaluation: Evaluation) -> float:
        """The score that a trial would get if it ended like this."""
        if self._scores is None:
            return evaluation.values[0]
        return self._scores.preview(evaluation.values, evaluation.violation)

    def add(self, trial_id: str, evaluation: Evaluation) -> tuple[float, dict[str, float]]:
        """Adds an ended trial.

        Returns:
            Its score, and the scores of earlier trials that it changes.
        """
        if self._scores is None:
            return evaluation.values[0], {}
        return self._scores.add(trial_id, evaluation.values, evaluation.violation)

    @property
    def scores(self) -> dict[str, float]:
        """Trial id to current score; empty if scores are the objective itself."""
        return {} if self._scores is None else self._scores.by_trial

    def rank(self, results: Mapping[str, Metrics]) -> list[str]:
        """The ids of the usable results, best first.

        Args:
            results: Trial id to metrics.
        """
        judged = {name: self.judge(metrics) for name, metrics in results.items()}
        usable = {name: result for name, result in judged.items() if not result.unusable}
        if not usable:
            return []
        values = np.array([result.values for result in usable.values()], dtype=np.float64)
        violations = np.array([result.violation for result in usable.values()])
        names = list(usable)
        order = np.argsort(-scores(values, violations), kind="stable")
        return [names[int(index)] for index in order]
