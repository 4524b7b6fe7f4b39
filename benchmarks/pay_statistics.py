"""The statistics of `does_it_pay.py`: intervals on a task, and tests over tasks.

Nadeau & Bengio (2003), https://doi.org/10.1023/A:1024068626366; Benavoli et al. (2017),
https://arxiv.org/abs/1606.04316; Holm (1979)
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student

ROPE: Final = 0.5
"""Differences of at most so many points count as equal."""
PRIOR: Final = 0.5
"""Weight of the Bayesian test's prior observation, a difference of 0."""


def corrected_interval(
    values: Sequence[float], test_share: float, level: float = 0.95
) -> tuple[float, float] | None:
    """Nadeau and Bengio's interval of a mean over resamples, which share training data.

    Args:
        values: One value, or paired difference, per resample.
        test_share: Size of the test part in that of the training part.
        level: Coverage, in (0, 1).

    Returns:
        Its ends; None for a single resample.
    """
    count = len(values)
    if count < 2:
        return None
    error = np.sqrt((1 / count + test_share) * np.var(values, ddof=1))
    half = float(student.ppf((1 + level) / 2, count - 1) * error)
    mean = float(np.mean(values))
    return mean - half, mean + half


def exact_wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p-value of the signed-rank test, over all signs; exact with ties, too.

    Args:
        differences: One per task; zeros are left out.
    """
    kept = np.array([value for value in differences if value != 0])
    if not len(kept):
        return 1.0
    ranks = rankdata(np.abs(kept))
    signs = np.array(list(product((-1.0, 1.0), repeat=len(kept))))
    sums = np.abs(signs @ ranks)
    return float(np.mean(sums >= abs(float(np.sign(kept) @ ranks)) - 1e-9))


def signed_rank_posterior(
    differences: Sequence[float], rope: float = ROPE, draws: int = 50_000, seed: int = 0
) -> dict[str, float]:
    """The Bayesian signed-rank test: how probable each of three answers is.

    A draw weighs the tasks and one prior task without difference (Dirichlet). Its answer is what
    most of the weight of the means of two tasks says: above `rope`, within, or below.

    Args:
        differences: One per task.
        rope: Half width of what counts as equal, in points.
        draws: Draws from the posterior.
        seed: Their seed.

    Returns:
        Probabilities of `better`, `equal` and `worse`.
    """
    values = np.array([0.0, *differences])
    means = (values[:, None] + values[None, :]) / 2
    regions = [means > rope, np.abs(means) <= rope, means < -rope]
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([PRIOR, *np.ones(len(differences))], size=draws)
    shares = np.stack([_quadratic(weights, region) for region in regions], 1)
    answers = np.bincount(shares.argmax(1), minlength=3) / draws
    return dict(zip(("better", "equal", "worse"), map(float, answers), strict=True))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values by name."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for index, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - index) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def _quadratic(weights: NDArray[np.float64], region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weight of the pairs of tasks in a region, for each draw."""
    return np.einsum("di,ij,dj->d", weights, region.astype(float), weights, optimize=True)
