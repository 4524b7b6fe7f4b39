"""Gaussian process with a weight for each feature (Rasmussen & Williams, 2006).

https://gaussianprocess.org/gpml/

The kernel is Matern 3/2 of the weighted distance r^2 = sum_j w_j (x_j - x'_j)^2. The weights
maximise the marginal likelihood times a hierarchical prior that shrinks them towards a common
scale, so five observations already predict and hundreds single out the features that matter. The
amplitude has its optimum in closed form. A prior mean adds a linear term, whose slope is normal and
positive at first; observations correct it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from ray_nas.estimators.arrays import Array, squared_distances

_FEATURE_SPREAD: Final = 1.0
"""Prior standard deviation of each feature's log weight around the common one."""
_SCALE_SPREAD: Final = 1.5
"""Prior standard deviation of the common log weight."""
_NOISE: Final = (-6.0, 1.5)
"""Prior mean and standard deviation of the noise's log variance, relative to the amplitude."""
_FLOAT_VARIANCE: Final = 0.75
"""The variance to which a float in [0, 1] is scaled.

About that of a one-hot encoding, so that a float weighs as much as a choice.
"""
_REACH: Final = 5.0
"""Prior standard deviations that a fit may move; beyond, the kernel matrix would overflow."""
_SLOPE: Final = (0.5, 0.5)
"""Prior mean and variance of the prior mean's slope.

About a quarter of the values' variance is expected to follow the prior mean.
"""
_JITTER: Final = 1e-8
_FIT_STEPS: Final = 25
_LEAST_GAP: Final = 0.1
"""What is added to a gap, in median gaps, before its logarithm is taken."""


class GaussianProcess:
    """Predicts scores with their uncertainty from feature vectors.

    Everything is a function of its arguments; a fit changes only `hyperparameters`.

    Args:
        sample: Features of configs drawn from the space, which set the scale of the prior; shape
            (configs, features).
        prior_mean: What the scores are expected to rise with: maps features of shape (rows,
            features) to shape (rows,), of mean 0 and variance 1 over the space. None for a constant
            mean.

    Example:
        >>> import numpy as np
        >>> features = np.linspace(0, 1, 9)[:, None]
        >>> values = (features[:, 0] - 0.5) * 3
        >>> process = GaussianProcess(features)
        >>> process.fit(features, values, np.zeros(9))
        >>> posterior = process.condition(features, values, np.zeros(9), features[:0])
        >>> mean, deviation = posterior.predict(np.array([[0.3]]))
        >>> bool(abs(mean[0] + 0.6) < 0.1)
        True
    """

    def __init__(self, sample: Array, prior_mean: Callable[[Array], Array] | None = None) -> None:
        self.prior_mean = prior_mean
        variances = sample.var(0)
        # Indicators and counts keep their scale
        is_whole = np.all(sample == np.rint(sample), axis=0)
        weights = np.where(
            is_whole | (variances == 0.0), 1.0, _FLOAT_VARIANCE / np.maximum(variances, 1e-12)
        )
        # The mean squared distance of two random configs is 1
        total = max(float((weights * variances).sum()), 1e-12)
        self._prior: Array = np.log(weights / (2.0 * total))
        self.hyperparameters: list[float] = [*([0.0] * len(variances)), 0.0, _NOISE[0]]
        """Log weights of the features relative to the prior, their common log weight, and the
        noise's log variance.
        """

    def fit(self, features: Array, values: Array, noise: Array) -> None:
        """Moves the hyperparameters to their most probable values, starting at the present ones.

        Args:
            features: Shape (observations, features).
            values: Of mean 0 and variance 1 or so, shape (observations,).
            noise: Further variance of each value relative to the amplitude, shape (observations,).
        """
        center, spread = self._hyperprior()
        result = minimize(
            self._loss,
            np.array(self.hyperparameters),
            (features, values - _SLOPE[0] * self.prior_mean_at(features), noise),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(center - _REACH * spread, center + _REACH * spread, strict=True)),
            options={"maxiter": _FIT_STEPS},
        )
        self.hyperparameters = [float(value) for value in result.x]

    def condition(
        self, features: Array, values: Array, noise: Array, pending: Array
    ) -> "Posterior":
        """The prediction given observations and pending trials.

        A pending trial is assumed to end at its predicted mean: it changes no mean, and removes the
        uncertainty around it.

        Args:
            features: Shape (observations, features); there may be no observations.
            values: Shape (observations,).
            noise: Shape (observations,).
            pending: Features of the pending trials, shape (pending, features).
        """
        count = len(values)
        weights, own_noise = self._weights(), math.exp(self.hyperparameters[-1])
        points = np.concatenate([features, pending])
        prior_mean = self.prior_mean_at(points)
        kernel = _matern(_weighted_distances(points, points, weights))
        kernel += _SLOPE[1] * np.outer(prior_mean, prior_mean)
        kernel[np.diag_indices(len(points))] += (
            own_noise + _JITTER + np.concatenate([noise, np.zeros(len(pending))])
        )
        factor: Array = np.asarray(np.linalg.cholesky(kernel), dtype=np.float64)
        rest = values - _SLOPE[0] * prior_mean[:count]
        # The leading block belongs to the observations alone
        coefficients: Array = cho_solve((factor[:count, :count], True), rest)
        amplitude = _amplitude(rest, coefficients)
        return Posterior(points, weights, factor, coefficients, amplitude, self.prior_mean_at)

    def prior_mean_at(self, features: Array) -> Array:
        """The prior mean at each row of `features`, up to its slope; shape (rows,)."""
        return np.zeros(len(features)) if self.prior_mean is None else self.prior_mean(features)

    def _weights(self) -> Array:
        parameters = np.array(self.hyperparameters)
        weights: Array = np.exp(self._prior + parameters[:-2] + parameters[-2])
        return weights

    def _loss(
        self, parameters: Array, features: Array, values: Array, noise: Array
    ) -> tuple[float, Array]:
        """The negative log posterior of the hyperparameters, and its gradient."""
        # Kernel
        count = len(values)
        weights = np.exp(self._prior + parameters[:-2] + parameters[-2])
        own_noise = math.exp(parameters[-1])
        squares = _weighted_distances(features, features, weights)
        kernel = _matern(squares)
        kernel[np.diag_indices(count)] += own_noise + _JITTER + noise
        # Marginal likelihood, at the best amplitude
        factor = np.linalg.cholesky(kernel)
        inverse = cho_solve((factor, True), np.eye(count))
        coefficients = inverse @ values
        amplitude = _amplitude(values, coefficients)
        likelihood = 0.5 * (count + 0.5) * math.log(amplitude) + float(
            np.log(np.diag(factor)).sum()
        )
        # Gradient, by the chain rule: kernel, squared distances (d matern / d r^2), weights
        by_kernel = 0.5 * (inverse - np.outer(coefficients, coefficients) / amplitude)
        by_squares = by_kernel * (-1.5 * np.exp(-np.sqrt(3.0 * squares)))
        products = np.einsum("ij,ij->j", features, by_squares @ features)
        by_weights = 2.0 * weights * (by_squares.sum(1) @ features**2 - products)
        by_noise = np.trace(by_kernel) * own_noise
        # Prior of the hyperparameters
        center, spread = self._hyperprior()
        scaled = (parameters - center) / spread
        gradient = np.r_[by_weights, by_weights.sum(), by_noise] + scaled / spread
        return likelihood + 0.5 * float((scaled**2).sum()), gradient

    def _hyperprior(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the hyperparameters before any observation."""
        center = np.zeros(len(self.hyperparameters))
        center[-1] = _NOISE[0]
        spread = np.full(len(self.hyperparameters), _FEATURE_SPREAD)
        spread[-2:] = _SCALE_SPREAD, _NOISE[1]
        return center, spread


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a Gaussian process predicts after observations; made by `GaussianProcess.condition`.

    Example:
        >>> import numpy as np
        >>> process = GaussianProcess(np.array([[0.0], [1.0]]))
        >>> nothing = np.zeros((0, 1))
        >>> posterior = process.condition(nothing, np.zeros(0), np.zeros(0), nothing)
        >>> posterior.predict(np.array([[0.5]]))[0].tolist()
        [0.0]
    """

    points: Array
    """What was observed or is pending, shape (rows, features)."""
    weights: Array
    """One for each feature."""
    factor: Array
    """Cholesky factor of the kernel between the points, lower triangular."""
    coefficients: Array
    """What each observation adds to the mean, times its kernel; pending points have none."""
    amplitude: float
    prior_mean: Callable[[Array], Array]

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at each row of `features`, each of shape (rows,)."""
        prior_mean = self.prior_mean(features)
        kernel = _matern(_weighted_distances(features, self.points, self.weights))
        kernel += _SLOPE[1] * np.outer(prior_mean, self.prior_mean(self.points))
        mean = _SLOPE[0] * prior_mean + kernel[:, : len(self.coefficients)] @ self.coefficients
        explained = solve_triangular(self.factor, kernel.T, lower=True, check_finite=False)
        variance = self.amplitude * np.maximum(
            1.0 + _SLOPE[1] * prior_mean**2 - (explained**2).sum(0), 1e-10
        )
        return mean, np.sqrt(variance)


def _weighted_distances(a: Array, b: Array, weights: Array) -> Array:
    """Squared distances of rows, each feature counted with its weight."""
    return squared_distances(a * np.sqrt(weights), b * np.sqrt(weights))


def _matern(squares: Array) -> Array:
    distance = np.sqrt(3.0 * squares)
    kernel: Array = (1.0 + distance) * np.exp(-distance)
    return kernel


def _amplitude(values: Array, coefficients: Array) -> float:
    """The kernel's variance at its optimum.

    Half an observation of variance 1 is added, so that it is positive for equal values.
    """
    return (float(values @ coefficients) + 0.5) / (len(values) + 0.5)
