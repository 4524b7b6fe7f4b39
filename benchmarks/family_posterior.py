"""Likelihoods and samples of the parametric curve families, for `learning_curve.py`."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from ray_nas.estimators.curves import FamilyPosterior

Floats = npt.NDArray[np.float64]

_BREAK: Final = (0.003, 0.5)
"""Probability that a value is an outlier (a diverged training), and the outliers' deviation."""


def log_likelihood(posterior: FamilyPosterior, time: float, values: Floats) -> Floats:
    """Log density (n,) of a noisy value at `time`, with a small probability of outliers."""
    mean, variance = posterior.moments(time)
    total = variance + posterior.noise**2
    log_density = -0.5 * (np.log(2 * np.pi * total) + (values[:, None] - mean) ** 2 / total)
    share, width = _BREAK
    center = (np.exp(posterior.log_weights) * mean).sum(1)
    off = -0.5 * (np.log(2 * np.pi * width**2) + ((values - center) / width) ** 2)
    on = logsumexp(posterior.log_weights + log_density, axis=1)
    return np.asarray(np.logaddexp(np.log1p(-share) + on, np.log(share) + off))


def sample(
    posterior: FamilyPosterior, times: Floats, size: int, rng: np.random.Generator
) -> Floats:
    """Draws of the noiseless curves, shape (n, size, times)."""
    times = np.asarray(times, dtype=np.float64)
    cumulative = np.exp(posterior.log_weights).cumsum(1)
    draws = rng.random((len(cumulative), size)) * cumulative[:, -1:]
    which = np.stack(
        [np.searchsorted(row, drawn) for row, drawn in zip(cumulative, draws, strict=True)]
    )
    rows = np.arange(len(cumulative))[:, None]
    mean, covariance = posterior.mean[rows, which], posterior.covariance[rows, which]
    # Draw (a, b) with the Cholesky factor of their covariance.
    normal = rng.standard_normal((*which.shape, 2))
    sd_a = np.sqrt(covariance[..., 0])
    slope = covariance[..., 1] / np.maximum(sd_a, 1e-12)
    rest = np.sqrt(np.maximum(covariance[..., 2] - slope**2, 0.0))
    a = mean[..., 0] + sd_a * normal[..., 0]
    b = mean[..., 1] + slope * normal[..., 0] + rest * normal[..., 1]
    return np.asarray(a[..., None] - b[..., None] * posterior.shapes(times)[which])
