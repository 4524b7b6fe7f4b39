"""Bayesian mixture of parametric learning curves (Domhan et al., 2015).

https://ml.informatik.uni-freiburg.de/papers/15-IJCAI-Extrapolation_of_Learning_Curves.pdf

The families are those of LC-PFN's prior (Adriaensen et al., 2023, https://arxiv.org/abs/2310.20447)
and one more. Deviation from both: each family is y = a - b g(t; theta) + noise, linear in a and b,
so a and b are integrated out exactly; theta and the noise are summed over a grid. The posterior of
every curve in a batch takes a few matrix products, without MCMC. Residuals of real curves are
correlated over time, so n values are worth fewer independent ones: the likelihood is tempered
(Bissiri et al., 2016, https://arxiv.org/abs/1306.6430).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp

from ray_nas.estimators.arrays import Array

_NOISE: Final = np.geomspace(0.002, 0.1, 16)
"""Standard deviations of the noise that are summed over."""
_ASYMPTOTE: Final = (0.7, 0.5)
"""Prior mean and standard deviation of a, for rising values roughly in [0, 1]."""
_GAIN: Final = (0.4, 0.4)
"""Prior mean and standard deviation of b, the gain from the first time to the end of training."""
_TEMPER: Final = 0.8
"""How many independent values one value is worth."""


def shapes(times: Array, first: float, max_t: float) -> dict[str, Array]:
    """g(t; theta) of every family on its grid: 1 at the first time, decreasing towards 0.

    Args:
        times: Budgets, positive, shape (times,).
        first: The budget at which g is 1.
        max_t: Full length.

    Returns:
        Family name to an array of shape (grid, times).
    """
    t = np.asarray(times, dtype=np.float64)[None, :]
    ratio = t / first
    span = (t - first) / (max_t - first) if max_t > first else t * 0.0
    power = np.geomspace(0.05, 4.0, 32)[:, None]
    rate = np.geomspace(0.5, 200.0, 32)[:, None]
    janoschek = [
        np.exp(-kappa * (np.maximum(span, 0.0) ** delta))
        for delta in (0.3, 0.5, 0.75, 1.5)
        for kappa in np.geomspace(0.5, 60.0, 24)
    ]
    half = np.geomspace(first / 2, max_t * 2, 24)
    log_power = [
        (1 + (first / e) ** c) / (1 + (t / e) ** c) for c in (0.5, 1.0, 2.0, 4.0) for e in half
    ]
    return {
        "power law": ratio**-power,
        "exponential": np.exp(-rate * span),
        "Janoschek": np.concatenate(janoschek),
        "log power": np.concatenate(log_power),
    }


@dataclass(frozen=True)
class FamilyPosterior:
    """The posterior of n curves over C components, pairs of a shape and a noise level.

    Made by `fit_families`.

    Example:
        >>> import numpy as np
        >>> posterior = fit_families(np.array([1.0, 2.0]), np.array([[0.5, 0.6]]), max_t=10)
        >>> bool(np.isclose(np.exp(posterior.log_weights).sum(), 1))
        True
    """

    log_weights: Array
    """Log weights of the components, normalised, shape (n, C)."""
    mean: Array
    """Posterior mean of (a, b), shape (n, C, 2)."""
    covariance: Array
    """Variance of a, covariance, variance of b; shape (n, C, 3)."""
    noise: Array
    """Standard deviation of the noise, shape (C,)."""
    first: float
    """The budget at which the shapes are 1."""
    max_t: float
    """Full length."""

    def shapes(self, times: Array) -> Array:
        """g(t; theta) of every component, shape (C, times)."""
        grid = np.concatenate(list(shapes(times, self.first, self.max_t).values()))
        return np.repeat(grid, len(_NOISE), axis=0)

    def moments(self, time: float) -> tuple[Array, Array]:
        """Mean and variance of every component's noiseless value, each of shape (n, C)."""
        g = self.shapes(np.array([time]))[:, 0]
        mean = self.mean[..., 0] - g * self.mean[..., 1]
        variance = (
            self.covariance[..., 0]
            - 2 * g * self.covariance[..., 1]
            + g**2 * self.covariance[..., 2]
        )
        return mean, np.maximum(variance, 0.0)

    def forecast(self, time: float) -> tuple[Array, Array]:
        """Mean and variance of a noisy value of curves that do not diverge, each of shape (n,)."""
        weights = np.exp(self.log_weights)
        mean, variance = self.moments(time)
        center = (weights * mean).sum(1)
        return center, (weights * (variance + self.noise**2 + (mean - center[:, None]) ** 2)).sum(1)


def fit_families(times: Array, values: Array, max_t: float) -> FamilyPosterior:
    """The posterior of a batch of curves.

    Args:
        times: Increasing budgets, positive, shape (times,).
        values: Rising values roughly in [0, 1], NaN where there is none, shape (n, times).
        max_t: Full length.

    Example:
        >>> import numpy as np
        >>> times = np.arange(1.0, 6.0)
        >>> posterior = fit_families(times, np.full((1, 5), 0.3), max_t=5)
        >>> mean, variance = posterior.forecast(5)
        >>> mean.round(1).tolist()
        [0.3]
    """
    times = np.asarray(times, dtype=np.float64)
    first = float(times[0])
    grid = np.concatenate(list(shapes(times, first, max_t).values()))
    # Sufficient statistics of each curve, and of each curve with each shape
    seen = np.isfinite(values)
    y = np.where(seen, values, 0.0)
    count, total, square = (_TEMPER * sums.sum(1)[:, None, None] for sums in (seen, y, y**2))
    g, gg, gy = (
        _TEMPER * (matrix @ shape.T)[:, :, None]
        for matrix, shape in ((seen * 1.0, grid), (seen * 1.0, grid**2), (y, grid))
    )
    # Normal equations of (a, b) given shape and noise; arrays are (curves, shapes, noise levels)
    precision = 1 / _NOISE**2
    prior_a = _ASYMPTOTE[1] ** -2
    prior_b = _GAIN[1] ** -2
    aa = prior_a + precision * count
    ab = -precision * g
    bb = prior_b + precision * gg
    ha = prior_a * _ASYMPTOTE[0] + precision * total
    hb = prior_b * _GAIN[0] - precision * gy
    determinant = aa * bb - ab**2
    a = (bb * ha - ab * hb) / determinant
    b = (aa * hb - ab * ha) / determinant
    # Evidence; families are equally likely a priori, whatever the size of their grid
    log_evidence = 0.5 * (
        ha * a + hb * b - precision * square - np.log(determinant)
    ) + 0.5 * count * np.log(precision)
    sizes = [len(shape) for shape in shapes(times[:1], first, max_t).values()]
    prior = -np.log(np.repeat(sizes, sizes))[None, :, None]
    log_weights = (log_evidence + prior).reshape(len(values), -1)
    covariance = np.stack([bb / determinant, -ab / determinant, aa / determinant], axis=-1)
    return FamilyPosterior(
        log_weights=log_weights - logsumexp(log_weights, axis=1, keepdims=True),
        mean=np.stack([a, b], axis=-1).reshape(len(values), -1, 2),
        covariance=np.broadcast_to(covariance, (*a.shape, 3)).reshape(len(values), -1, 3),
        noise=np.tile(_NOISE, len(grid)),
        first=first,
        max_t=max_t,
    )
