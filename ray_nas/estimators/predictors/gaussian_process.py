"""Gaussian process with a weight for each feature (Rasmussen & Williams, 2006):
https://gaussianprocess.org/gpml/.

The kernel is Matern 3/2 of the weighted distance r^2 = sum_j w_j (x_j - x'_j)^2. The weights
maximise the marginal likelihood times a prior that holds them together, so that five observations
already predict and hundreds single out the features that count. The amplitude has its optimum in
closed form. A trend known beforehand adds a linear term, whose slope is normal and positive to
begin with, and then what the observations make of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

Array = np.ndarray[Any, np.dtype[np.float64]]

_FEATURE_SPREAD: Final = 1.0
"""Prior standard deviation of each feature's log weight around the common one."""
_SCALE_SPREAD: Final = 1.5
"""Prior standard deviation of the common log weight."""
_NOISE: Final = (-6.0, 1.5)
"""Prior mean and standard deviation of the noise's log variance, relative to the amplitude."""
_PLACE_VARIANCE: Final = 0.75
"""What a place in [0, 1] is stretched to: about the variance of a one-hot code, so that a float
weighs as much as a choice.
"""
_REACH: Final = 5.0
"""How many prior standard deviations a fit may go: beyond, the kernel matrix would leave the
range of numbers.
"""
_SLOPE: Final = (0.5, 0.5)
"""Prior mean and variance of the trend's slope: about a quarter of the values' variance is
believed to follow it.
"""
_JITTER: Final = 1e-8
_FIT_STEPS: Final = 25
_LEAST_GAP: Final = 0.1
"""What is added to a gap, in median gaps, before its logarithm is taken."""


class GaussianProcess:
    """Predicts scores with their uncertainty from feature vectors.

    Everything here is a function of what it is given; `hyperparameters` is all that a fit leaves
    behind.

    Args:
        sample: Features of configs drawn from the space, shape (number, features): they set the
            scale of the prior.
        trend: What the scores are believed to rise with, from features of shape (rows, features) to
            shape (rows,), of mean 0 and variance 1 over the space. None if nothing is known.
    """

    def __init__(self, sample: Array, trend: Callable[[Array], Array] | None = None) -> None:
        self.trend = trend
        varies = sample.var(0)
        whole = np.all(sample == np.rint(sample), axis=0)  # indicators and counts stand as they are
        weights = np.where(
            whole | (varies == 0.0), 1.0, _PLACE_VARIANCE / np.maximum(varies, 1e-12)
        )
        total = max(float((weights * varies).sum()), 1e-12)
        self._prior: Array = np.log(
            weights / (2.0 * total)
        )  # the mean squared distance of two random configs is 1
        self.hyperparameters: list[float] = [*([0.0] * len(varies)), 0.0, _NOISE[0]]
        """Each feature's log weight relative to the prior, their common one, the noise's log
        variance.
        """

    def fit(self, features: Array, values: Array, noise: Array) -> None:
        """Sets the hyperparameters to their most probable values, from the present ones on.

        Args:
            features: Shape (observations, features).
            values: Shape (observations,), of mean 0 and variance 1 or so.
            noise: Shape (observations,), further variance of each value relative to the amplitude.
        """
        center, spread = self._hyperprior()
        result = minimize(
            self._loss,
            np.array(self.hyperparameters),
            (features, values - _SLOPE[0] * self.trend_at(features), noise),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(center - _REACH * spread, center + _REACH * spread, strict=True)),
            options={"maxiter": _FIT_STEPS},
        )
        self.hyperparameters = [float(value) for value in result.x]

    def condition(
        self, features: Array, values: Array, noise: Array, pending: Array
    ) -> "Posterior":
        """The prediction given observations, and given that values at `pending` will come that are
        not known yet.

        Such a value changes no mean (it is believed to be as predicted) but takes away the
        uncertainty around it.

        Args:
            features: Shape (observations, features); there may be none.
            values: Shape (observations,).
            noise: Shape (observations,).
            pending: Shape (trials in flight, features).
        """
        count = len(values)
        weights, own_noise = self._weights(), math.exp(self.hyperparameters[-1])
        points = np.concatenate([features, pending])
        trend = self.trend_at(points)
        kernel = _matern(_squared_distances(points, points, weights)) + _SLOPE[1] * np.outer(
            trend, trend
        )
        kernel[np.diag_indices(len(points))] += (
            own_noise + _JITTER + np.concatenate([noise, np.zeros(len(pending))])
        )
        factor: Array = np.asarray(np.linalg.cholesky(kernel), dtype=np.float64)
        rest = values - _SLOPE[0] * trend[:count]
        coefficients: Array = cho_solve(
            (factor[:count, :count], True), rest
        )  # leading block: the observations alone
        return Posterior(
            points, weights, factor, coefficients, _amplitude(rest, coefficients), self.trend_at
        )

    def trend_at(self, features: Array) -> Array:
        """What is believed of each row of `features` before any observation, up to its slope;
        shape (rows,).
        """
        return self.trend(features) if self.trend is not None else np.zeros(len(features))

    def _weights(self) -> Array:
        parameters = np.array(self.hyperparameters)
        weights: Array = np.exp(self._prior + parameters[:-2] + parameters[-2])
        return weights

    def _loss(
        self, parameters: Array, features: Array, values: Array, noise: Array
    ) -> tuple[float, Array]:
        """The negative log posterior of the hyperparameters and its gradient."""
        count = len(values)
        weights, own_noise = (
            np.exp(self._prior + parameters[:-2] + parameters[-2]),
            math.exp(parameters[-1]),
        )
        squares = _squared_distances(features, features, weights)
        kernel = _matern(squares)
        kernel[np.diag_indices(count)] += own_noise + _JITTER + noise
        factor = np.linalg.cholesky(kernel)
        inverse = cho_solve((factor, True), np.eye(count))
        coefficients = inverse @ values
        amplitude = _amplitude(values, coefficients)
        likelihood = 0.5 * (count + 0.5) * math.log(amplitude) + float(
            np.log(np.diag(factor)).sum()
        )
        by_kernel = 0.5 * (inverse - np.outer(coefficients, coefficients) / amplitude)
        by_squares = by_kernel * (-1.5 * np.exp(-np.sqrt(3.0 * squares)))  # d matern / d r^2
        by_weights = (
            2.0
            * weights
            * (
                by_squares.sum(1) @ features**2
                - np.einsum("ij,ij->j", features, by_squares @ features)
            )
        )
        center, spread = self._hyperprior()
        scaled = (parameters - center) / spread
        gradient = (
            np.r_[by_weights, by_weights.sum(), np.trace(by_kernel) * own_noise] + scaled / spread
        )
        return likelihood + 0.5 * float((scaled**2).sum()), gradient

    def _hyperprior(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the hyperparameters before any observation."""
        center, spread = (
            np.zeros(len(self.hyperparameters)),
            np.full(len(self.hyperparameters), _FEATURE_SPREAD),
        )
        center[-1], spread[-2], spread[-1] = _NOISE[0], _SCALE_SPREAD, _NOISE[1]
        return center, spread


class Posterior:
    """What a Gaussian process predicts after observations."""

    def __init__(
        self,
        points: Array,
        weights: Array,
        factor: Array,
        coefficients: Array,
        amplitude: float,
        trend: Callable[[Array], Array],
    ) -> None:
        self._points, self._weights, self._factor, self._trend = points, weights, factor, trend
        self._coefficients, self._amplitude = coefficients, amplitude

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at each row of `features`, both of shape (rows,)."""
        trend = self._trend(features)
        kernel = _matern(_squared_distances(features, self._points, self._weights))
        kernel += _SLOPE[1] * np.outer(trend, self._trend(self._points))
        mean = _SLOPE[0] * trend + kernel[:, : len(self._coefficients)] @ self._coefficients
        explained = solve_triangular(self._factor, kernel.T, lower=True, check_finite=False)
        variance = self._amplitude * np.maximum(
            1.0 + _SLOPE[1] * trend**2 - (explained**2).sum(0), 1e-10
        )
        return mean, np.sqrt(variance)


@dataclass(frozen=True)
class Stretch:
    """A scale that parts the best from the good and draws the bad together: -log(gap to the best),
    linear above the best.

    A failed training can be many times worse than the difference that a search is about.
    """

    best: float
    middle: float
    """The median gap."""
    center: float
    spread: float

    def __call__(self, scores: Array) -> Array:
        """The stretched scores, of any shape."""
        gaps = (self.best - scores) / self.middle
        above = -math.log(_LEAST_GAP) - np.minimum(gaps, 0.0) / _LEAST_GAP
        logs: Array = np.where(gaps > 0.0, -np.log(np.maximum(gaps, 0.0) + _LEAST_GAP), above)
        return (logs - self.center) / self.spread

    def invert(self, values: Array) -> Array:
        """The scores that were stretched to `values`."""
        logs = self.center + self.spread * values
        above = -_LEAST_GAP * (logs + math.log(_LEAST_GAP))
        gaps: Array = np.where(logs < -math.log(_LEAST_GAP), np.exp(-logs) - _LEAST_GAP, above)
        return self.best - self.middle * gaps


def fit_stretch(scores: Array, variances: Array) -> Stretch:
    """The scale on which scores have mean 0 and variance 1, or are all 0 if they are equal.

    Args:
        scores: Shape (observations,), to be maximised, finite.
        variances: Of each score, 0 for at least one of them.
    """
    best = float(scores[variances == 0.0].max())
    gaps = np.maximum(best - scores, 0.0)
    middle = float(np.median(gaps)) or float(gaps.mean())
    if middle == 0.0:
        return Stretch(best, 1.0, -math.log(_LEAST_GAP), 1.0)
    logs = Stretch(best, middle, 0.0, 1.0)(best - gaps)
    return Stretch(best, middle, float(logs.mean()), float(logs.std()))


def stretch(scores: Array, variances: Array) -> tuple[Array, Array]:
    """Stretches scores to the scale of `fit_stretch`; expected ones that are above all that are
    certain count as the best.

    Args:
        scores: Shape (observations,), to be maximised, finite.
        variances: Of each score, 0 for at least one of them.

    Returns:
        The stretched scores, all 0 if the scores are equal, and their variances.
    """
    scale = fit_stretch(scores, variances)
    gaps, deviations = np.maximum(scale.best - scores, 0.0), np.sqrt(variances)
    steepness = 1.0 / (
        gaps + _LEAST_GAP * scale.middle + deviations
    )  # of the logarithm, over the width of the uncertainty
    return scale(scale.best - gaps), (deviations * steepness / scale.spread) ** 2


def _squared_distances(a: Array, b: Array, weights: Array) -> Array:
    left, right = a * np.sqrt(weights), b * np.sqrt(weights)
    squares: Array = np.maximum(
        (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2.0 * left @ right.T, 0.0
    )
    return squares


def _matern(squares: Array) -> Array:
    distance = np.sqrt(3.0 * squares)
    kernel: Array = (1.0 + distance) * np.exp(-distance)
    return kernel


def _amplitude(values: Array, coefficients: Array) -> float:
    """The kernel's variance at its optimum, with half an observation of variance 1 so that equal
    values keep some.
    """
    return (float(values @ coefficients) + 0.5) / (len(values) + 0.5)
