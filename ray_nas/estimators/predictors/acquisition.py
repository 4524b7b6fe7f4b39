"""Acquisition functions: how much a candidate is worth trying, given its predicted score."""

import math
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtr

from ray_nas.estimators.arrays import Array

_TAIL: Final = -5.0
"""Further below the best, in standard deviations, the improvement is computed by its ratio to the
density.
"""


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
