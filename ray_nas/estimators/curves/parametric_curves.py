"""Bayesian mixture of parametric learning curves (Domhan et al., 2015):
https://ml.informatik.uni-freiburg.de/papers/15-IJCAI-Extrapolation_of_Learning_Curves.pdf.

The families are those of LC-PFN's prior (Adriaensen et al., 2023, https://arxiv.org/abs/2310.20447)
and one more. Deviation from both: each family is y = a - b g(t; theta) + noise, linear in a and b,
which are therefore integrated out exactly; theta and the noise are summed over a grid. The
posterior of every curve of a batch comes from a few matrix products, without MCMC. Residuals of
real curves hang together in time, so that n values tell less than n independent ones: the
likelihood is tempered (Bissiri et al., 2016, https://arxiv.org/abs/1306.6430).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]

_NOISE: Final = np.geomspace(0.002, 0.1, 16)
_ASYMPTOTE: Final = (0.7, 0.5)
"""Mean and standard deviation of a, where values lie about in [0, 1] and rise."""
_GAIN: Final = (0.4, 0.4)
"""The same of b, what is gained between the first time and the end of all training."""


_TEMPER: Final = 0.8
"""How many independent values one value is worth."""


_BREAK: Final = (0.003, 0.5)
"""Probability that a value is off the curve altogether (a training that diverges), and the
standard deviation of such values.
"""


def shapes(times: Floats, first: float, max_t: float) -> dict[str, Floats]:
    """g(t; theta) of every family on its grid: 1 at the first time, falling towards 0.

    Args:
        times: (T,) budgets, positive.
        first: The budget at which g is 1.
        max_t: Full length.

    Returns:
        Family name to (K, T).
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
    """The posterior of n curves over C = K x S components (K shapes, S noise levels)."""

    log_weights: Floats
    """(n, C), normalised."""
    mean: Floats
    """(n, C, 2) posterior mean of (a, b)."""
    covariance: Floats
    """(n, C, 3): var a, cov ab, var b."""
    noise: Floats
    """(C,) standard deviation."""
    first: float
    max_t: float

    def _shapes(self, times: Floats) -> Floats:
        grid = np.concatenate(list(shapes(times, self.first, self.max_t).values()))
        return np.repeat(grid, len(_NOISE), axis=0)

    def _moments(self, time: float) -> tuple[Floats, Floats]:
        g = self._shapes(np.array([time]))[:, 0]
        mean = self.mean[..., 0] - g * self.mean[..., 1]
        variance = (
            self.covariance[..., 0]
            - 2 * g * self.covariance[..., 1]
            + g**2 * self.covariance[..., 2]
        )
        return mean, np.maximum(variance, 0.0)

    def forecast(self, time: float) -> tuple[Floats, Floats]:
        """Mean and variance (n,) of a noisy value at `time`, of a curve that does not break off."""
        weights = np.exp(self.log_weights)
        mean, variance = self._moments(time)
        center = (weights * mean).sum(1)
        return center, (weights * (variance + self.noise**2 + (mean - center[:, None]) ** 2)).sum(1)

    def log_likelihood(self, time: float, values: Floats) -> Floats:
        """Log density (n,) of a noisy value at `time`; a few in a thousand are taken to be off
        the curve.
        """
        mean, variance = self._moments(time)
        total = variance + self.noise**2
        log_density = -0.5 * (np.log(2 * np.pi * total) + (values[:, None] - mean) ** 2 / total)
        share, width = _BREAK
        center = (np.exp(self.log_weights) * mean).sum(1)
        off = -0.5 * (np.log(2 * np.pi * width**2) + ((values - center) / width) ** 2)
        on = logsumexp(self.log_weights + log_density, axis=1)
        return np.asarray(np.logaddexp(np.log1p(-share) + on, np.log(share) + off))

    def sample(self, times: Floats, size: int, rng: np.random.Generator) -> Floats:
        """(n, size, T) draws of the curves without their noise."""
        times = np.asarray(times, dtype=np.float64)
        cumulative = np.exp(self.log_weights).cumsum(1)
        draws = rng.random((len(cumulative), size)) * cumulative[:, -1:]
        which = np.stack(
            [np.searchsorted(row, drawn) for row, drawn in zip(cumulative, draws, strict=True)]
        )
        rows = np.arange(len(cumulative))[:, None]
        mean, covariance = self.mean[rows, which], self.covariance[rows, which]
        normal = rng.standard_normal((*which.shape, 2))
        sd_a = np.sqrt(covariance[..., 0])
        slope = covariance[..., 1] / np.maximum(sd_a, 1e-12)
        a = mean[..., 0] + sd_a * normal[..., 0]
        b = (
            mean[..., 1]
            + slope * normal[..., 0]
            + np.sqrt(np.maximum(covariance[..., 2] - slope**2, 0.0)) * normal[..., 1]
        )
        return np.asarray(a[..., None] - b[..., None] * self._shapes(times)[which])


def fit_families(times: Floats, values: Floats, max_t: float) -> FamilyPosterior:
    """The posterior of a batch of curves.

    Args:
        times: (T,) rising budgets, positive.
        values: (n, T) values that rise and lie about in [0, 1]; NaN where there is none.
        max_t: Full length.
    """
    times = np.asarray(times, dtype=np.float64)
    first = float(times[0])
    grid = np.concatenate(list(shapes(times, first, max_t).values()))
    seen = np.isfinite(values)
    y = np.where(seen, values, 0.0)
    count, total, square = (_TEMPER * sums.sum(1)[:, None, None] for sums in (seen, y, y**2))
    g, gg, gy = (
        _TEMPER * (matrix @ shape.T)[:, :, None]
        for matrix, shape in ((seen * 1.0, grid), (seen * 1.0, grid**2), (y, grid))
    )
    precision = 1 / _NOISE**2
    prior_a, prior_b = _ASYMPTOTE[1] ** -2, _GAIN[1] ** -2
    # The normal equations of (a, b) given shape and noise; shapes are (n, K, S).
    aa, ab, bb = prior_a + precision * count, -precision * g, prior_b + precision * gg
    ha, hb = prior_a * _ASYMPTOTE[0] + precision * total, prior_b * _GAIN[0] - precision * gy
    determinant = aa * bb - ab**2
    a, b = (bb * ha - ab * hb) / determinant, (aa * hb - ab * ha) / determinant
    log_evidence = 0.5 * (
        ha * a + hb * b - precision * square - np.log(determinant)
    ) + 0.5 * count * np.log(precision)
    sizes = [len(shape) for shape in shapes(times[:1], first, max_t).values()]
    prior = -np.log(np.repeat(sizes, sizes))[
        None, :, None
    ]  # families are equally likely, whatever the size of their grid
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
