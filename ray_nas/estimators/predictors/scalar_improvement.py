"""Expected improvement along one direction through several objectives, as in ParEGO (Knowles,
2006).

https://doi.org/10.1109/TEVC.2005.851274. Each decision draws its own weights u and maximises the
expected improvement of one scalar, so that many decisions cover the front. Two deviations. The
scalar is s = min_j (y_j - r_j) / u_j, with u uniform on the positive part of the unit sphere and r
the worst value seen of each objective, but at most one range of the front below it: the mean of s^m
over u is, up to a constant, the hypervolume above r of m objectives (Zhang & Golovin, 2020, lemma
5: https://arxiv.org/abs/2006.04655). And each objective has its own process instead of one for the
scalar, so that nothing is fitted anew when the weights change.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import log_ndtr, logsumexp

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.gaussian_process import Posterior
from ray_nas.estimators.predictors.score_scale import ScoreScale
from ray_nas.pareto import is_nondominated

_STEPS: Final = 16
"""Of the integral over the values that the scalar may take."""
_MARGIN: Final = 0.1
"""How far beyond the front's best corner improvement is hoped for, relative to the front's
range.
"""


class ScalarImprovement:
    """The expected improvement in one random direction, with an independent process for each
    objective.

    Args:
        posteriors: One for each objective, of its standardised values.
        scales: The scale of each objective's scores.
        known: Features of the trials that have values and of those in flight, shape (trials,
            features), at least one.
        rng: The direction is drawn from it.
    """

    def __init__(
        self,
        posteriors: Sequence[Posterior],
        scales: Sequence[ScoreScale],
        known: Array,
        rng: np.random.Generator,
    ) -> None:
        self._posteriors = posteriors
        means = [posterior.predict(known)[0] for posterior in posteriors]
        values = np.stack(
            [scale.invert(mean) for scale, mean in zip(scales, means, strict=True)], axis=1
        )
        front = values[is_nondominated(values)]
        best, extent = front.max(axis=0), np.ptp(front, axis=0)
        extent = np.where(extent > 0.0, extent, np.maximum(np.ptp(values, axis=0), 1e-12))
        worst = np.maximum(
            values.min(axis=0), front.min(axis=0) - extent
        )  # a diverged loss does not set the scale
        spread = np.maximum(best - worst, 1e-12)
        drawn = np.abs(rng.normal(size=len(posteriors)))
        direction = np.maximum(drawn / np.linalg.norm(drawn), 1e-6) * spread
        self.merits: Array = ((values - worst) / direction).min(axis=1)
        """The scalar of each known trial, as it is expected."""
        start = max(float(self.merits.max()), 0.0)
        end = float(((best + _MARGIN * spread - worst) / direction).min())
        steps = (np.arange(_STEPS) + 0.5) / _STEPS
        heights = start + (end - start) * steps**2  # denser next to the best so far
        power = len(posteriors) - 1
        self._log_weights: Array = power * np.log(heights) + np.log(steps)
        places = worst + heights[:, None] * direction
        self._thresholds = [scale(places[:, index]) for index, scale in enumerate(scales)]

    def __call__(self, features: Array) -> Array:
        """The logarithm of the expected improvement, up to a constant, at each row of
        `features`; shape (rows,).
        """
        logs = self._log_weights[None]
        for posterior, threshold in zip(self._posteriors, self._thresholds, strict=True):
            mean, deviation = posterior.predict(features)
            logs = logs + log_ndtr((mean[:, None] - threshold) / deviation[:, None])
        result: Array = logsumexp(
            logs, axis=1
        )  # E max(s^m - best^m, 0): the integral of m t^(m - 1) P(s > t) over t > best
        return result
