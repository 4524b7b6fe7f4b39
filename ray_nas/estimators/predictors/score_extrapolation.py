"""Extrapolates the score of a trial that was stopped early to the time of the longest trials.

For a trial whose last value is at time t, the trials that reached the longest time T give pairs
(value at t, value at T). A least-squares line through them, shrunk to slope 1 where pairs are few,
maps the value from t to T; the scatter of the pairs around it is the noise of the result.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import Curve, value_at

_PRIOR_PAIRS: Final = 2.0
"""Pairs that the prior counts for: slope 1, scatter as large as that of the values."""
_PAIRS: Final = 200
"""How many of the longest trials give pairs, the latest ones."""


def final_scores(curves: Sequence[Curve]) -> tuple[Array, Array]:
    """The expected score of each trial at the longest time of all, and its variance.

    Args:
        curves: The reports of each trial, at least one each.

    Returns:
        Two arrays of shape (trials,); the variance is 0 where the trial itself has reached the
        longest time.

    Example:
        >>> finished = [[(1, 0.1), (2, 0.2)], [(1, 0.2), (2, 0.3)]]
        >>> scores, variances = final_scores([*finished, [(1, 0.3)]])
        >>> scores.round(2).tolist(), (variances > 0).tolist()
        ([0.2, 0.3, 0.4], [False, False, True])
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
            if (value := value_at(curve, float(time))) is not None
        ]
        scores[early], variances[early] = _extrapolate(
            scores[early], np.array(pairs).reshape(-1, 2)
        )
    return scores, variances


def _extrapolate(values: Array, pairs: Array) -> tuple[Array, float]:
    """Maps values along the line through the pairs; also returns the variance around it."""
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
