"""The scale on which scores are predicted: it separates the best from the good."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array

_LEAST_GAP: Final = 0.1
"""Gaps to the best below this share of the median gap hardly differ on the scale."""


@dataclass(frozen=True)
class ScoreScale:
    """Scores as -log(gap to the best), linear above the best.

    Spreads the best and draws the bad together: a failed training can be worse by many times the
    differences that a search is about.
    """

    best: float
    middle: float
    """The median gap."""
    center: float
    spread: float

    def __call__(self, scores: Array) -> Array:
        """The standardised scores, of any shape."""
        gaps = (self.best - scores) / self.middle
        above = -math.log(_LEAST_GAP) - np.minimum(gaps, 0.0) / _LEAST_GAP
        logs: Array = np.where(gaps > 0.0, -np.log(np.maximum(gaps, 0.0) + _LEAST_GAP), above)
        return (logs - self.center) / self.spread

    def invert(self, values: Array) -> Array:
        """The scores that standardise to `values`."""
        logs = self.center + self.spread * values
        above = -_LEAST_GAP * (logs + math.log(_LEAST_GAP))
        gaps: Array = np.where(logs < -math.log(_LEAST_GAP), np.exp(-logs) - _LEAST_GAP, above)
        return self.best - self.middle * gaps


def fit_score_scale(scores: Array, variances: Array) -> ScoreScale:
    """The scale on which scores have mean 0 and variance 1, or are all 0 if they are equal.

    Args:
        scores: To be maximised, finite, shape (observations,).
        variances: Variance of each score, 0 for at least one, shape (observations,).
    """
    best = float(scores[variances == 0.0].max())
    gaps = np.maximum(best - scores, 0.0)
    middle = float(np.median(gaps)) or float(gaps.mean())
    if middle == 0.0:
        return ScoreScale(best, 1.0, -math.log(_LEAST_GAP), 1.0)
    logs = ScoreScale(best, middle, 0.0, 1.0)(best - gaps)
    return ScoreScale(best, middle, float(logs.mean()), float(logs.std()))


def standardize_scores(scores: Array, variances: Array) -> tuple[Array, Array]:
    """Scores on their `ScoreScale`; uncertain ones above every certain one count as the best.

    Args:
        scores: To be maximised, finite, shape (observations,).
        variances: Variance of each score, 0 for at least one, shape (observations,).

    Returns:
        The standardised scores (all 0 if the scores are equal) and their variances, each of shape
        (observations,).

    Example:
        >>> import numpy as np
        >>> values, _ = standardize_scores(np.array([1.0, 90.0, 91.0]), np.zeros(3))
        >>> values.round(1).tolist()
        [-1.3, 0.2, 1.1]
    """
    scale = fit_score_scale(scores, variances)
    gaps = np.maximum(scale.best - scores, 0.0)
    deviations = np.sqrt(variances)
    # The slope of the logarithm, over the width of the uncertainty
    slopes = 1.0 / (gaps + _LEAST_GAP * scale.middle + deviations)
    return scale(scale.best - gaps), (deviations * slopes / scale.spread) ** 2
