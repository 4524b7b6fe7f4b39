"""The scale on which scores are predicted: it separates the best from the good."""

import numpy as np

from ray_nas.estimators.arrays import Array


def standardize_scores(scores: Array, variances: Array) -> tuple[Array, Array]:
    """Scores as -log(gap to the best), of mean 0 and variance 1.

    Spreads the best and draws the bad together: a failed training can be worse by many times the
    differences that a search is about.

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
    gaps = np.maximum(scores[variances == 0.0].max() - scores, 0.0)
    middle = float(np.median(gaps)) or float(gaps.mean())
    if middle == 0.0:
        return np.zeros(len(scores)), np.zeros(len(scores))
    logs = -np.log(gaps / middle + 0.1)
    deviations = np.sqrt(variances)
    # The slope of the logarithm, over the width of the uncertainty
    slopes = 1.0 / (gaps + 0.1 * middle + deviations)
    spread = float(logs.std())
    return (logs - logs.mean()) / spread, (deviations * slopes / spread) ** 2
