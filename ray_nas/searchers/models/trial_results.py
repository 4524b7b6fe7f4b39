"""What the trials of a search have reported so far, as the data that predictors are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors import final_scores, standardize_scores
from ray_nas.estimators.predictors.score_scale import ScoreScale, fit_score_scale
from ray_nas.searchers.core.scalarization import maximin, penalized


@dataclass(frozen=True)
class Targets:
    """One objective's value for each trial, as a predictor sees it."""

    values: Array
    """Standardized values, to be maximised, shape (trials,)."""
    variances: Array
    """Variance of each value, shape (trials,); 0 for a trial of full length."""
    scale: ScoreScale
    """Maps the objective's values to the standardized ones."""

    def select(self, indices: Sequence[int]) -> "Targets":
        """The targets of some trials, on the same scale."""
        return Targets(self.values[indices], self.variances[indices], self.scale)


@dataclass
class TrialResults:
    """Learning curves, broken limits and failures by trial id.

    Example:
        >>> results = TrialResults()
        >>> results.report("a", 1.0, (0.5,))
        >>> results.report("b", 1.0, (0.7,))
        >>> results.fail("c")
        >>> results.trial_ids, results.targets(0).values.round(1).tolist()
        (['a', 'b', 'c'], [-0.7, 1.4, -0.7])
    """

    curves: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    """The reports of each trial: the time, then the objectives, to be maximised."""
    violations: dict[str, float] = field(default_factory=dict)
    """By how much the last report breaks the limits; trials that keep them are absent."""
    failed: list[str] = field(default_factory=list)

    @property
    def trial_ids(self) -> list[str]:
        """The trials with values, then the failed ones: the order of `targets`."""
        return [*self.curves, *self.failed]

    def report(
        self, trial_id: str, time: float | None, values: Sequence[float], violation: float = 0.0
    ) -> None:
        """Adds a report. A retried trial overwrites what it reported before at the same times.

        Args:
            trial_id: Its id.
            time: How far it has come; None for as far as at its last report, or 0.
            values: The objectives, to be maximised.
            violation: By how much it breaks the limits; 0 if it keeps them.
        """
        # A trial that failed before a restore may run again
        if trial_id in self.failed:
            self.failed.remove(trial_id)
        curve = self.curves.setdefault(trial_id, [])
        if time is None:
            time = curve[-1][0] if curve else 0.0
        while curve and curve[-1][0] >= time:
            curve.pop()
        curve.append((float(time), *values))
        self.violations.pop(trial_id, None)
        if violation:
            self.violations[trial_id] = violation

    def fail(self, trial_id: str) -> None:
        """Marks a trial as failed, and drops its reports."""
        self.curves.pop(trial_id, None)
        self.violations.pop(trial_id, None)
        self.failed.append(trial_id)

    def targets(self, objective: int) -> Targets:
        """One objective's values at the end of the longest trials.

        Trials that break limits are below all that keep them; failed trials count as the worst.

        Args:
            objective: Its position among the objectives.
        """
        if not self.curves:
            return Targets(np.zeros(0), np.zeros(0), fit_score_scale(np.zeros(1), np.zeros(1)))
        scores, variances = final_scores(
            [
                [(report[0], report[1 + objective]) for report in curve]
                for curve in self.curves.values()
            ]
        )
        violations = np.array([self.violations.get(trial_id, 0.0) for trial_id in self.curves])
        scores = penalized(scores, violations)
        scores = np.concatenate([scores, np.full(len(self.failed), scores.min())])
        variances = np.concatenate([variances, np.zeros(len(self.failed))])
        scale = fit_score_scale(scores, variances)
        return Targets(*standardize_scores(scores, variances), scale)

    def get_state(self) -> dict[str, Any]:
        """The results as JSON values."""
        return {
            "curves": {
                trial_id: [list(report) for report in curve]
                for trial_id, curve in self.curves.items()
            },
            "violations": self.violations,
            "failed": self.failed,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores a state returned by `get_state`."""
        self.curves = {
            trial_id: [tuple(report) for report in curve]
            for trial_id, curve in state["curves"].items()
        }
        self.violations = state["violations"]
        self.failed = state["failed"]


def merits(targets: Sequence[Targets]) -> Array:
    """One number for each trial to rank it by; the maximin fitness of several objectives."""
    if len(targets) == 1:
        return targets[0].values
    return maximin(np.stack([target.values for target in targets], axis=1))


def representative(values: Array, count: int) -> list[int]:
    """Picks at most `count` trials: half of them the best, the others evenly over time.

    Args:
        values: What to rank by, in the order of the trials, shape (trials,).
        count: The most trials to pick.

    Returns:
        Their indices, ascending.

    Example:
        >>> import numpy as np
        >>> representative(np.array([0.0, 5.0, 1.0, 2.0, 9.0, 3.0]), 4)
        [0, 1, 4, 5]
    """
    if len(values) <= count:
        return list(range(len(values)))
    order = np.argsort(-values, kind="stable")
    best = order[: count // 2]
    others = np.sort(order[count // 2 :])
    spread = others[np.linspace(0, len(others) - 1, count - count // 2).astype(int)]
    return sorted({*map(int, best), *map(int, spread)})
