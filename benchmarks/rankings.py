"""Agreement between two rankings of networks: Kendall's tau and related statistics.

Estimates and truth are arrays with one entry per network; larger is better in both.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

Vector = NDArray[np.float64]
DRAWS = 1000
"""Bootstrap resamples of an interval."""


def tau(estimate: Vector, truth: Vector) -> float:
    """Kendall's tau-b."""
    return float(kendalltau(estimate, truth)[0])


def partial_tau(estimate: Vector, truth: Vector, given: Vector) -> float:
    """Kendall's partial tau (Kendall, 1942): agreement beyond what a third variable explains.

    It is not quite 0 for an estimate that is the third variable with noise, so compare with one.
    """
    own, first, second = tau(estimate, truth), tau(estimate, given), tau(truth, given)
    return (own - first * second) / math.sqrt((1 - first**2) * (1 - second**2))


def precision_at_top(estimate: Vector, truth: Vector, share: float = 0.1) -> float:
    """Share of the networks ranked in the top `share` by the estimate that truly belong there.

    By chance the result is `share`. A network tied at the cut-off counts with its probability of
    being selected.
    """
    number = max(1, round(share * len(truth)))
    return float((_selected(estimate, number) * _selected(truth, number)).sum() / number)


def _selected(values: Vector, number: int) -> Vector:
    """Probability that each network is among the `number` best, with ties broken at random."""
    edge = np.sort(values)[-number]
    above, tied = values > edge, values == edge
    return above + tied * ((number - above.sum()) / tied.sum())


def interval(
    statistic: Callable[[Vector, NDArray[np.int64]], float],
    estimates: Sequence[Vector],
    draws: int = DRAWS,
) -> tuple[float, float, float]:
    """Mean of a statistic over estimates, with a 95 % interval over networks and estimates.

    Args:
        statistic: Called with an estimate's values at some networks, and their indices.
        estimates: One array per seed.
        draws: Bootstrap resamples, each drawing networks and seeds with replacement; with only
            three seeds the interval is somewhat too narrow.

    Returns:
        The mean, and the lower and upper end of the interval.
    """
    number, rng = len(estimates[0]), np.random.default_rng(0)
    everything = np.arange(number)
    mean = float(np.mean([statistic(estimate, everything) for estimate in estimates]))
    found = []
    for _ in range(draws):
        networks = rng.integers(number, size=number)
        seeds = rng.integers(len(estimates), size=len(estimates))
        found.append(
            float(np.mean([statistic(estimates[seed][networks], networks) for seed in seeds]))
        )
    low, high = np.percentile(found, [2.5, 97.5])
    return mean, float(low), float(high)


def reliability(repeats: NDArray[np.float64], splits: int = 200) -> tuple[float, float]:
    """Split-half reliability of a table of repeated trainings.

    The repeats are split at random into halves, whose means agree with some tau (averaged over
    splits). With the underlying correlation r = sin(pi tau / 2) (Greiner's relation, exact for
    normal values), the Spearman-Brown formula 2r / (1 + r) extrapolates from half the repeats to
    all of them, and its square root to an estimate without noise.

    Args:
        repeats: Metric of each training, shape (networks, repeats).
        splits: Number of random splits.

    Returns:
        The tau between the means of all repeats and the means of as many new ones (the
        reliability), and the tau between a noiseless estimate and the means.
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
