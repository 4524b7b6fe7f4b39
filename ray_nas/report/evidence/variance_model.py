"""How much of the results the configs explain, and what is left of a difference after that.

Henderson's mixed model, "Best linear unbiased estimation and prediction under a selection model"
(1975): result = mean + effect of the config + the rest. Effects are alike where configs are alike
(`features.kernel`). The rest is noise as far as anyone can tell: a config that was trained once
does not show how much of its result was luck. The estimate of a winner's effect is therefore
shrunk towards what its choices are worth in the other trials, which removes the advantage of
having been picked as the best.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence.wording import Interval

_SHARES: Final = np.linspace(0.0, 0.95, 20)
"""Shares of the variance that configs may explain; equally likely beforehand."""
_TAIL: Final = 3.0
"""Bad results further than this many interquartile ranges below the middle half are moved there:
how bad a diverged training is does not matter."""


@dataclass(frozen=True)
class Contrast:
    """The difference of two effects."""

    gain: Interval
    """In units of the results; 95 % interval."""
    probability: float
    """That it is above 0."""


class VarianceModel:
    """The mixed model of results, averaged over the share that configs explain.

    Args:
        kernel: How alike the configs are, shape (trials, trials).
        quality: Results, larger is better, shape (trials,).
        covariates: What else may shift results, shape (trials, columns).

    Example:
        >>> import numpy as np
        >>> from ray_nas.report.evidence.trial_features import kernel
        >>> rng = np.random.default_rng(0)
        >>> depth = rng.standard_normal(60)
        >>> alike = kernel({"depth": depth[:, None]})
        >>> model = VarianceModel(alike, depth + 0.5 * rng.standard_normal(60))
        >>> model.explained > 0.5
        True
    """

    def __init__(self, kernel: Array, quality: Array, covariates: Array | None = None) -> None:
        count = len(quality)
        fixed = np.ones((count, 1))
        self._fixed = fixed if covariates is None else np.hstack([fixed, covariates])
        self._kernel = kernel
        self._quality = without_bad_tail(quality)
        self._values, self._vectors = np.linalg.eigh(kernel)
        self._fits = [self._fit(share) for share in _SHARES]
        likelihoods = np.array([fit.log_likelihood for fit in self._fits])
        weights = np.exp(likelihoods - likelihoods.max())
        self._weights: Array = weights / weights.sum()

    @property
    def explained(self) -> float:
        """The share of the variance that configs explain, its mean over the posterior."""
        return float(self._weights @ _SHARES)

    def contrast(self, weights: Array) -> Contrast:
        """The difference of effects, such as the winner's minus the baseline's.

        Args:
            weights: Of each trial's effect, shape (trials,).
        """
        towards = self._kernel @ weights
        prior = float(weights @ towards)
        means, spreads = zip(
            *(self._posterior(fit, towards, prior) for fit in self._fits), strict=True
        )
        return _mixture(np.array(means), np.array(spreads), self._weights, self._freedom)

    def coefficient(self, column: int) -> Interval:
        """The coefficient of a covariate at the most likely share, with its 95 % interval."""
        fit = self._fits[int(self._weights.argmax())]
        value, spread = float(fit.coefficients[column + 1]), float(fit.spreads[column + 1])
        half = float(student.ppf(0.975, self._freedom)) * spread
        return Interval(value, value - half, value + half)

    def p_value(self, column: int) -> float:
        """Of the covariate's coefficient being 0 or below."""
        fit = self._fits[int(self._weights.argmax())]
        ratio = fit.coefficients[column + 1] / fit.spreads[column + 1]
        return float(student.sf(ratio, self._freedom))

    @property
    def _freedom(self) -> int:
        return len(self._quality) - self._fixed.shape[1]

    def _fit(self, share: float) -> "_Fit":
        """Restricted maximum likelihood at one share; the scale of the variance is profiled out."""
        variances = np.maximum(share * self._values, 0.0) + 1.0 - share
        rotated = self._vectors.T @ np.column_stack([self._fixed, self._quality])
        fixed, quality = rotated[:, :-1], rotated[:, -1]
        information = fixed.T @ (fixed / variances[:, None])
        coefficients = np.linalg.solve(information, fixed.T @ (quality / variances))
        residuals = quality - fixed @ coefficients
        scale = float(residuals**2 @ (1 / variances)) / self._freedom
        _, log_information = np.linalg.slogdet(information)
        log_likelihood = -0.5 * (
            self._freedom * math.log(max(scale, 1e-300)) + np.log(variances).sum() + log_information
        )
        spreads = np.sqrt(np.diag(np.linalg.inv(information)) * scale)
        return _Fit(share, variances, residuals, scale, coefficients, spreads, log_likelihood)

    def _posterior(self, fit: "_Fit", towards: Array, prior: float) -> tuple[float, float]:
        """Mean and standard deviation of a contrast of effects at one share."""
        rotated = self._vectors.T @ towards * fit.share
        mean = float(rotated @ (fit.residuals / fit.variances))
        fixed = self._vectors.T @ self._fixed
        shift = fixed.T @ (rotated / fit.variances)
        information = fixed.T @ (fixed / fit.variances[:, None])
        variance = fit.share * prior - float(rotated**2 @ (1 / fit.variances))
        variance += float(shift @ np.linalg.solve(information, shift))
        return mean, math.sqrt(max(variance, 0.0) * fit.scale)


@dataclass(frozen=True)
class _Fit:
    """The model at one share."""

    share: float
    variances: Array
    """Along the kernel's eigenvectors, in units of the scale."""
    residuals: Array
    scale: float
    coefficients: Array
    spreads: Array
    log_likelihood: float


def without_bad_tail(quality: Array) -> Array:
    """Results with the worst ones moved up to where the others end.

    Example:
        >>> import numpy as np
        >>> without_bad_tail(np.array([-1000.0, 1.0, 2.0, 3.0, 4.0])).tolist()
        [-5.0, 1.0, 2.0, 3.0, 4.0]
    """
    low, high = np.quantile(quality, [0.25, 0.75])
    return np.asarray(np.maximum(quality, low - _TAIL * (high - low)))


def _mixture(means: Array, spreads: Array, weights: Array, freedom: int) -> Contrast:
    """Mean, interval and probability of a mixture; a spread of 0 is a point."""
    mean = float(weights @ means)
    widths = np.maximum(spreads, 1e-12 * max(float(np.abs(means).max()), 1e-300))

    def below(point: float) -> float:
        return float(weights @ student.cdf((point - means) / widths, freedom))

    reach = float((np.abs(means) + 1e3 * widths).max()) + 1e-300
    low, high = (
        brentq(lambda point, level=level: below(point) - level, -reach, reach)
        for level in (0.025, 0.975)
    )
    return Contrast(
        Interval(mean, low, high), 1.0 - below(0.0) - 0.5 * float(weights[means == 0].sum())
    )
