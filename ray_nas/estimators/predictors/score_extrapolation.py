"""What a trial that has not gone all the way would have scored: a line from its last report to the
longest trials' end.

For a trial whose last value stands at time t, the trials that went to the longest time T give pairs
(value at t, value at T). A least-squares line through them, drawn to slope 1 where pairs are few,
carries the value from t to T; what the pairs scatter around it is the noise of the outcome.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np

from ray_nas.estimators.predictors.gaussian_process import Array

Curve = Sequence[tuple[float, float]]
"""(time, score) of each report, in order of time."""

_PRIOR_PAIRS: Final = 2.0
"""How many pairs the prior (slope 1, scatter as large as that of the values) counts for."""
_PAIRS: Final = 200
"""How many of the longest trials are looked at, the latest ones."""


def final_scores(curves: Sequence[Curve]) -> tuple[Array, Array]:
    """The expected score of each trial at the longest time of all, and the variance of that
    expectation.

    Args:
        curves: The reports of each trial, at least one each.

    Returns:
        Two arrays of shape (trials,); the variance is 0 where the trial has gone to the longest
        time itself.
    """
    times = np.array([curve[-1][0] for curve in curves])
    scores = np.array([curve[-1][1] for curve in curves])
    variances = np.zeros(len(curves))
    longest = times.max()
    finished = [curve for curve in curves if curve[-1][0] == longest][-_PAIRS:]
    for time in np.unique(times[times < longest]):
        early = times == time
        pairs = [
            (value, curve[-1][1])
            for curve in finished
            if (value := _value_at(curve, float(time))) is not None
        ]
        scores[early], variances[early] = _extrapolate(
            scores[early], np.array(pairs).reshape(-1, 2)
        )
    return scores, variances


def _extrapolate(values: Array, pairs: Array) -> tuple[Array, float]:
    before, after = pairs[:, 0], pairs[:, 1]
    spread = float(np.concatenate([values, before]).var())
    if not len(pairs):
        return values, spread
    slope = 1.0
    if spread > 0.0:
        deviation = before - before.mean()
        slope = float(
            (deviation @ (after - after.mean()) + _PRIOR_PAIRS * spread)
            / (deviation @ deviation + _PRIOR_PAIRS * spread)
        )
    scatter = after - after.mean() - slope * (before - before.mean())
    variance = float((scatter @ scatter + _PRIOR_PAIRS * spread) / (len(pairs) + _PRIOR_PAIRS))
    return after.mean() + max(slope, 0.0) * (values - before.mean()), variance


def _value_at(curve: Curve, time: float) -> float | None:
    """The last score reported until then."""
    place = bisect_right(curve, time, key=lambda report: report[0])
    return curve[place - 1][1] if place else None
