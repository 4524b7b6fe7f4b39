"""Rank correlations with bootstrap intervals: how well one measure orders what another measures."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ray_nas.checks import check_int
from ray_nas.estimators.arrays import Array

MIN_PAIRS: Final = 4
"""Fewer pairs have no interval worth the name."""
_QUANTILES: Final = (0.05, 0.95)
_BLOCK: Final = 256
"""Pairs that are compared with all others at once, to bound the memory."""


class Estimate(NamedTuple):
    """A correlation and its 90 % interval, each in [-1, 1] or NaN.

    Example:
        >>> print(Estimate(0.5, 0.25, 0.75))
         0.50 [ 0.25,  0.75]
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:5.2f} [{self.low:5.2f}, {self.high:5.2f}]"


@dataclass(frozen=True)
class RankCorrelation:
    """How well one measure orders what another measures; made by `rank_correlation`.

    Example:
        >>> print(RankCorrelation(9, Estimate(0.5, 0.2, 0.7), Estimate(0.4, 0.1, 0.6)).kendall)
         0.40 [ 0.10,  0.60]
    """

    pairs: int
    """How many pairs it was computed from."""
    spearman: Estimate
    """Pearson's correlation of the ranks; equal values share their mean rank."""
    kendall: Estimate
    """Kendall's tau-b: right pairs minus wrong ones, as a share of those without ties."""


def rank_correlation(
    x: ArrayLike, y: ArrayLike, rng: np.random.Generator, *, resamples: int = 1000
) -> RankCorrelation:
    """Spearman's and Kendall's correlation with 90 % intervals (percentile bootstrap over pairs).

    Takes time in proportion to `resamples * pairs**2`: about a second for a thousand pairs.

    Args:
        x: One measure, without NaN, shape (pairs,).
        y: The other, shape (pairs,).
        rng: Draws the resamples.
        resamples: How many.

    Returns:
        The correlations; NaN with fewer than 4 pairs, or where a measure is constant.

    Raises:
        ValueError: The measures differ in length or contain NaN, or `resamples` is below 1.

    Example:
        >>> import numpy as np
        >>> found = rank_correlation([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], np.random.default_rng(0))
        >>> round(found.spearman.value, 2), round(found.kendall.value, 2)
        (0.9, 0.8)
    """
    check_int("resamples", resamples, low=1)
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"x and y must be lists of one length, got shapes {first.shape} and {second.shape}"
        )
    if np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("x and y must not contain NaN")
    count = len(first)
    if count < MIN_PAIRS:
        nothing = Estimate(math.nan, math.nan, math.nan)
        return RankCorrelation(count, nothing, nothing)
    # How often each pair was drawn; the first row is the sample itself
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    weights = np.concatenate([np.ones((1, count)), drawn])
    spearman, kendall = _weighted(rankdata(first), rankdata(second), weights)
    return RankCorrelation(count, _estimate(spearman), _estimate(kendall))


def _weighted(x: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Both correlations for each row of weights, shape (rows,)."""
    small = weights.astype(np.float32)  # sums of whole numbers, which it holds exactly
    spearman, kendall = np.zeros((2, 3, len(weights)))
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        by_x = np.sign(x[block] - x[:, None]).astype(np.float32)
        by_y = np.sign(y[block] - y[:, None]).astype(np.float32)
        # Twice a rank, minus its mean
        x_ranks = (small @ by_x).astype(np.float64)
        y_ranks = (small @ by_y).astype(np.float64)
        ranked = x_ranks * y_ranks, x_ranks**2, y_ranks**2
        paired = [(small @ signs).astype(np.float64) for signs in (by_x * by_y, by_x**2, by_y**2)]
        spearman += [np.einsum("rc,rc->r", weights[:, block], product) for product in ranked]
        kendall += [np.einsum("rc,rc->r", weights[:, block], product) for product in paired]
    return _ratio(spearman), _ratio(kendall)


def _ratio(sums: Array) -> Array:
    """Covariance over the root of the variances; NaN where one is 0."""
    size = np.sqrt(sums[1] * sums[2])
    result: Array = np.divide(sums[0], size, out=np.full_like(size, math.nan), where=size > 0)
    return result


def _estimate(values: Array) -> Estimate:
    """The first value with the interval of the others; resamples without variation are left out."""
    resampled = values[1:][~np.isnan(values[1:])]
    if math.isnan(values[0]) or not len(resampled):
        return Estimate(math.nan, math.nan, math.nan)
    low, high = np.quantile(resampled, _QUANTILES)
    return Estimate(float(values[0]), float(low), float(high))
