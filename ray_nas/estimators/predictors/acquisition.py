"""Acquisition functions: how much a candidate is worth trying, given its predicted score."""

import math
from typing import Final, Protocol

import numpy as np
from scipy.special import log_ndtr, ndtr

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.gaussian_process import Posterior

_TAIL: Final = -5.0
"""Further below the best, in standard deviations, the improvement is computed by its ratio to the
density.
"""


class Acquisition(Protocol):
    """How much each candidate is worth trying."""

    merits: Array
    """The expected value of each known trial, on one scale, shape (trials,)."""

    def __call__(self, features: Array) -> Array:
        """The acquisition at each row of `features`, to be maximised, shape (rows,)."""


class ExpectedImprovement:
    """The logarithm of the expected improvement of one objective.

    Args:
        posterior: The posterior of the objective's standardized values.
        known: Features of the trials with values and of the pending ones, shape (trials, features).
    """

    def __init__(self, posterior: Posterior, known: Array) -> None:
        self._posterior = posterior
        self.merits: Array = posterior.predict(known)[0]
        """The expected value of each known trial, shape (trials,)."""
        self._best = float(self.merits.max()) if len(known) else 0.0

    def __call__(self, features: Array) -> Array:
        """The acquisition at each row of `features`; shape (rows,)."""
        return log_expected_improvement(*self._posterior.predict(features), self._best)


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """The logarithm of E max(f - best, 0) for normal f (Jones et al., 1998, equation 3).

    https://doi.org/10.1023/A:1008306431147. Exact far below `best` too.

    Args:
        mean: Predicted means, shape (candidates,).
        deviation: Predicted standard deviations, positive, shape (candidates,).
        best: The score to improve on.

    Returns:
        Shape (candidates,).

    Example:
        >>> import numpy as np
        >>> log_expected_improvement(np.array([0.0, -40.0]), np.ones(2), best=0.0).round(2).tolist()
        [-0.92, -808.3]
    """
    u = (mean - best) / deviation
    log_density = -0.5 * u**2 - 0.5 * math.log(2.0 * math.pi)
    # Near the best: density plus distribution function
    near = np.maximum(u, _TAIL)
    by_sum = np.log(np.exp(-0.5 * near**2) / math.sqrt(2.0 * math.pi) + near * ndtr(near))
    # Far below: density times one minus Mills' ratio, where the sum would cancel
    far = np.minimum(u, _TAIL)
    log_mills = np.log(-far) + log_ndtr(far) + 0.5 * far**2 + 0.5 * math.log(2.0 * math.pi)
    by_ratio = log_density + np.log(-np.expm1(np.minimum(log_mills, -1e-14)))
    result: Array = np.log(deviation) + np.where(u >= _TAIL, by_sum, by_ratio)
    return result
