"""Expected improvement in one random direction through several objectives, as in ParEGO.

Knowles, 2006: https://doi.org/10.1109/TEVC.2005.851274. Each decision draws weights u and maximises
the expected improvement of one scalar, so that many decisions cover the front. Two differences:

- The scalar is s = min_j (y_j - r_j) / u_j, with u uniform on the positive part of the unit sphere.
  The reference r is the worst value of each objective, but at most one range of the front below
  the front. The mean of s^m over u is, up to a constant, the hypervolume above r of m objectives
  (Zhang & Golovin, 2020, lemma 5: https://arxiv.org/abs/2006.04655).
- Each objective has its own process, in place of one for the scalar, so new weights need no new
  fit.
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
"""Steps of the integral over the values that the scalar may take."""
_MARGIN: Final = 0.1
"""How far improvement may go beyond the front's best corner, relative to the front's range."""


class ScalarImprovement:
    """The expected improvement of one random scalar of several objectives.

    The objectives' processes are independent.

    Args:
        posteriors: The posterior of each objective's standardized values.
        scales: The scale of each objective's scores.
        known: Features of the trials with values and of the pending ones, at least one, shape
            (trials, features).
        rng: Draws the direction.
    """

    def __init__(
        self,
        posteriors: Sequence[Posterior],
        scales: Sequence[ScoreScale],
        known: Array,
        rng: np.random.Generator,
    ) -> None:
        self._posteriors = posteriors
        # The predicted objectives of the known trials
        means = [posterior.predict(known)[0] for posterior in posteriors]
        pairs = zip(scales, means, strict=True)
        values = np.stack([scale.invert(mean) for scale, mean in pairs], axis=1)
        # The range of the front; a diverged loss does not set it
        front = values[is_nondominated(values)]
        best = front.max(axis=0)
        extent = np.ptp(front, axis=0)
        extent = np.where(extent > 0.0, extent, np.maximum(np.ptp(values, axis=0), 1e-12))
        worst = np.maximum(values.min(axis=0), front.min(axis=0) - extent)
        spread = np.maximum(best - worst, 1e-12)
        # The direction
        drawn = np.abs(rng.normal(size=len(posteriors)))
        direction = np.maximum(drawn / np.linalg.norm(drawn), 1e-6) * spread
        self.merits: Array = ((values - worst) / direction).min(axis=1)
        """The expected scalar of each known trial, shape (trials,)."""
        # The integral from the best scalar so far, denser next to it
        start = max(float(self.merits.max()), 0.0)
        end = float(((best + _MARGIN * spread - worst) / direction).min())
        steps = (np.arange(_STEPS) + 0.5) / _STEPS
        heights = start + (end - start) * steps**2
        power = len(posteriors) - 1
        self._log_weights: Array = power * np.log(heights) + np.log(steps)
        corners = worst + heights[:, None] * direction
        self._thresholds = [scale(corners[:, index]) for index, scale in enumerate(scales)]

    def __call__(self, features: Array) -> Array:
        """The logarithm of the expected improvement, up to a constant.

        Args:
            features: Shape (rows, features).

        Returns:
            Shape (rows,).
        """
        logs = self._log_weights[None]
        for posterior, threshold in zip(self._posteriors, self._thresholds, strict=True):
            mean, deviation = posterior.predict(features)
            logs = logs + log_ndtr((mean[:, None] - threshold) / deviation[:, None])
        # E max(s^m - best^m, 0) is the integral of m t^(m - 1) P(s > t) over t > best
        result: Array = logsumexp(logs, axis=1)
        return result
