"""Do the configs explain the results at all? A test that a search cannot fool.

Each result is predicted from the trials proposed before it. If results were noise, none could be
predicted, whatever the search did with the earlier ones: the sum of prediction times result is a
martingale, and divided by the root of its squares it is standard normal for many trials (de la
Pena, Lai & Shao, "Self-normalized processes", 2009). Cross-validation has no such guarantee here,
because an evolution proposes more configs where results were good by luck.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm, rankdata

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence.wording import Interval

MIN_TRIALS: Final = 30
"""Fewer trials cannot show that results are noise."""
_FIRST: Final = 5
"""Trials before the first prediction."""
_REFITS: Final = 60
_NEIGHBOURS: Final = 8
"""Trials on either side that a result is ranked among where the level drifts."""


@dataclass(frozen=True)
class Signal:
    """How well results were predicted from earlier trials."""

    trials: int
    correlation: Interval
    """Correlation of prediction and result, both as ranks; 95 % interval."""
    p_value: float
    """Of results that are noise predicting as well."""


def signal_test(kernel: Array, quality: Array, *, drifts: bool = False) -> Signal:
    """Tests whether results can be predicted from the configs.

    Args:
        kernel: How alike the configs are, shape (trials, trials), in the order of proposal.
        quality: Results, larger is better, shape (trials,); at least `MIN_TRIALS`.
        drifts: Whether the level changes with time for reasons other than the configs: a scheduler
            that stops trials lets fewer pass later on. Results are then ranked among those
            proposed at about the same time.

    Example:
        >>> import numpy as np
        >>> from ray_nas.report.evidence.trial_features import kernel
        >>> depth = np.random.default_rng(0).standard_normal(60)
        >>> alike = kernel({"depth": depth[:, None]})
        >>> signal_test(alike, depth**3).p_value < 0.001
        True
    """
    scores = _local_scores(quality) if drifts else normal_scores(quality)
    predictions = _predictions(kernel, scores)
    results = scores[_FIRST:]
    centred = predictions - predictions.mean()
    products = centred * (results - results.mean())
    size = math.sqrt(float((products**2).sum()))
    ratio = float(products.sum()) / size if size > 0 else 0.0
    return Signal(len(quality), _correlation(predictions, results), float(norm.sf(ratio)))


def normal_scores(values: Array) -> Array:
    """Ranks as quantiles of the normal distribution; ties get the same quantile.

    Example:
        >>> import numpy as np
        >>> normal_scores(np.array([30.0, 10.0, 20.0])).round(2).tolist()
        [0.67, -0.67, 0.0]
    """
    return np.asarray(ndtri((rankdata(values)) / (len(values) + 1)))


def fisher_interval(correlation: float, count: int, level: float = 0.95) -> Interval:
    """A correlation of `count` pairs with its interval by Fisher's transformation.

    Example:
        >>> print(fisher_interval(0.5, 100))
        0.5 [0.337, 0.634]
    """
    half = float(norm.ppf(0.5 + level / 2)) / math.sqrt(max(count - 3, 1))
    middle = math.atanh(min(max(correlation, -0.9999), 0.9999))
    return Interval(correlation, math.tanh(middle - half), math.tanh(middle + half))


def _predictions(kernel: Array, scores: Array) -> Array:
    """Kernel ridge regression on all earlier trials, refitted now and then."""
    count = len(scores)
    step = max(1, count // _REFITS)
    predicted = np.zeros(count)
    for start in range(_FIRST, count, step):
        new, past = slice(start, start + step), slice(0, start)
        mean = scores[past].mean()
        weights = np.linalg.solve(kernel[past, past] + np.eye(start), scores[past] - mean)
        predicted[new] = kernel[new, past] @ weights
    return predicted[_FIRST:]


def _local_scores(quality: Array) -> Array:
    """Ranks among the trials proposed shortly before and after, as normal scores."""
    count = len(quality)
    places = np.zeros(count)
    for index in range(count):
        start = min(max(index - _NEIGHBOURS, 0), max(count - 2 * _NEIGHBOURS - 1, 0))
        near = quality[start : start + 2 * _NEIGHBOURS + 1]
        below, equal = (near < quality[index]).sum(), (near == quality[index]).sum()
        places[index] = (below + 0.5 * equal) / len(near)
    return np.asarray(ndtri(places))


def _correlation(predictions: Array, results: Array) -> Interval:
    first, second = rankdata(predictions), rankdata(results)
    if first.std() == 0 or second.std() == 0:
        return Interval(0.0, -1.0, 1.0)
    return fisher_interval(float(np.corrcoef(first, second)[0, 1]), len(first))
