"""How well one ranking of networks agrees with another: Kendall's tau, alone and beside what is
known anyway, with intervals.

Estimates and truth are arrays of one entry a network; more is better in both.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

Vector = NDArray[np.float64]
DRAWS = 1000
"""Resampled tables of an interval."""


def tau(estimate: Vector, truth: Vector) -> float:
    """Kendall's tau-b."""
    return float(kendalltau(estimate, truth)[0])


def partial_tau(estimate: Vector, truth: Vector, given: Vector) -> float:
    """Kendall's partial tau: what the estimate knows of the truth beyond a third figure (Kendall,
    1942).

    It is not quite 0 for an estimate that is that figure with noise: compare with such a one.
    """
    own, first, second = tau(estimate, truth), tau(estimate, given), tau(truth, given)
    return (own - first * second) / math.sqrt((1 - first**2) * (1 - second**2))


def precision_at_top(estimate: Vector, truth: Vector, share: float = 0.1) -> float:
    """The part of the networks that the estimate puts on top which are on top in truth; `share` by
    chance.

    Of networks that tie at the edge, each counts with its chance to be among those that are taken.
    """
    number = max(1, round(share * len(truth)))
    return float((_taken(estimate, number) * _taken(truth, number)).sum() / number)


def _taken(values: Vector, number: int) -> Vector:
    edge = np.sort(values)[-number]
    above, tied = values > edge, values == edge
    return above + tied * ((number - above.sum()) / tied.sum())


def interval(
    figure: Callable[[Vector, NDArray[np.int64]], float],
    estimates: Sequence[Vector],
    draws: int = DRAWS,
) -> tuple[float, float, float]:
    """A figure's mean over estimates, with a 95 % interval by bootstrap over networks and
    estimates.

    Args:
        figure: Called with an estimate's values at some networks, and the indices of these.
        estimates: One for each seed.
        draws: Resampled tables. In each, both networks and seeds are drawn with replacement; with
            three seeds it is rather too narrow.
    """
    number, rng = len(estimates[0]), np.random.default_rng(0)
    everything = np.arange(number)
    mean = float(np.mean([figure(estimate, everything) for estimate in estimates]))
    found = []
    for _ in range(draws):
        networks = rng.integers(number, size=number)
        seeds = rng.integers(len(estimates), size=len(estimates))
        found.append(
            float(np.mean([figure(estimates[seed][networks], networks) for seed in seeds]))
        )
    low, high = np.percentile(found, [2.5, 97.5])
    return mean, float(low), float(high)


def reliability(repeats: NDArray[np.float64], splits: int = 200) -> tuple[float, float]:
    """What a table of repeated trainings says of itself.

    The repeats are split at random into halves, whose means agree at some tau (mean over splits).
    With r = sin(pi tau / 2) as the correlation behind it (Greiner's relation, exact for normal
    figures), Spearman and Brown's formula 2r / (1 + r) leads from half the repeats to all of them,
    and the square root of that to an estimate without noise of its own.

    Args:
        repeats: Figures of shape (networks, repeats).
        splits: How many splits.

    Returns:
        The tau that the means of all repeats would reach with those of as many others (the
        reliability); and the tau that an estimate without noise would reach with the means.
    """
    rng, half = np.random.default_rng(0), repeats.shape[1] // 2
    taus = []
    for _ in range(splits):
        order = rng.permutation(repeats.shape[1])
        taus.append(
            tau(repeats[:, order[:half]].mean(1), repeats[:, order[half : 2 * half]].mean(1))
        )
    r = math.sin(math.pi * float(np.mean(taus)) / 2)
    whole = 2 * r / (1 + r)
    return 2 / math.pi * math.asin(whole), 2 / math.pi * math.asin(math.sqrt(whole))
