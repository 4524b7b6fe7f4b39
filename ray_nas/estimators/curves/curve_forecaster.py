"""Forecasts of final values by both curve models, weighted by their accuracy so far."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.blas_threads import one_thread
from ray_nas.estimators.curves.curve import Curve
from ray_nas.estimators.curves.curve_regression import CurveRegression
from ray_nas.estimators.curves.parametric_curves import fit_families

_FRACTIONS: Final = (0.02, 0.1, 0.3, 0.6)
"""Shares of full length at which the models are tested."""
_TESTED: Final = 250
"""Finished curves to test on, the latest ones."""
_TOO_WIDE: Final = 3.0
"""Forecasts are not calibrated if a spread must be widened by more than this."""
_NARROWEST: Final = 0.3
"""The smallest factor by which a model's spread is narrowed."""
_NEGLIGIBLE: Final = 0.01
"""A model with a smaller weight is skipped."""


class CurveForecaster:
    """Forecasts how a trial will end, from its curve so far and its architecture.

    Both models are tested on the finished curves at some shares of full length; the regression
    leaves each curve out. There, each model's mean and spread are corrected by its errors, and its
    weight is the product of the densities that it gave to the true ends. In between, weights and
    corrections are interpolated.

    Args:
        curves: Finished curves, at least `MIN_CURVES`; larger values are better.
        encodings: The architectures' encodings, shape (curves, features).
        max_t: Full length, in units of the curves' times.

    Raises:
        ValueError: There are too few curves.

    Example:
        >>> import numpy as np
        >>> encodings = np.linspace(0.5, 0.9, 40)[:, None]
        >>> curves = [[(t, end * (1 - 0.5**t)) for t in range(1, 9)] for (end,) in encodings]
        >>> forecaster = CurveForecaster(curves, encodings, max_t=8)
        >>> baseline = forecaster.baseline(encodings[5])
        >>> mean, variance = forecaster.forecast(curves[5][:3], baseline)
        >>> bool(abs(mean - curves[5][-1][1]) < 0.05)
        True
    """

    @one_thread
    def __init__(self, curves: Sequence[Curve], encodings: Array, max_t: float) -> None:
        self._max_t = max_t
        self._regression = CurveRegression(curves, encodings, max_t)
        # The parametric families expect values roughly in [0, 1]
        ends = np.array([curve[-1][1] for curve in curves])
        starts = np.array([_first_value(curve) for curve in curves])
        self._low, high = np.nanquantile(starts, 0.05), np.nanquantile(ends, 0.95)
        self._unit = max(float(high - self._low), 1e-12) / 0.8
        self._calibrate(curves[-_TESTED:])

    def _calibrate(self, curves: Sequence[Curve]) -> None:
        """Finds weights and corrections of both models at each of `_FRACTIONS`."""
        weights, corrections = [], []
        for fraction in _FRACTIONS:
            left_out = self._regression.leave_one_out(fraction)
            mean, variance, truth = (column[-len(curves) :] for column in left_out)
            shown = [_until(curve, fraction * self._max_t) for curve in curves]
            models = ((mean, variance), self._forecast_families(shown))
            correction = [_correction(truth, *model) for model in models]
            scores = np.array(
                [
                    _log_density(truth, *_correct(*model, *fix)).sum()
                    for model, fix in zip(models, correction, strict=True)
                ]
            )
            weight = np.exp(scores - scores.max())
            weights.append(weight / weight.sum())
            corrections.append(correction)
        self.weights = np.array(weights)
        """Weights of the regression and of the parametric families, shape (4, 2)."""
        self._corrections = np.array(corrections)
        """(fraction, model, 2): shift of the mean in standard deviations, factor of these."""

    @property
    def calibrated(self) -> bool:
        """Whether the finished curves ended about where they were forecast to."""
        return self.spread <= _TOO_WIDE

    @property
    def spread(self) -> float:
        """The largest factor by which the forecasts' standard deviations are widened."""
        return float((self.weights * self._corrections[..., 1]).sum(1).max())

    @property
    def cheap(self) -> bool:
        """Whether a forecast needs no fit of the parametric families."""
        return bool(self.weights[:, 1].max() < _NEGLIGIBLE)

    @one_thread
    def baseline(self, encoding: Array) -> Array:
        """What the encoding alone predicts, for `forecast` and `surprise`.

        Args:
            encoding: Shape (features,).
        """
        return self._regression.baseline(encoding)

    @one_thread
    def surprise(self, curve: Curve, baseline: Array) -> float:
        """How far a curve is from what its encoding predicts; about 1 if it is as expected."""
        return self._regression.surprise(curve, baseline)

    @one_thread
    def forecast(self, curve: Curve, baseline: Array) -> tuple[float, float]:
        """Mean and variance of the value at full length, in the metric's units.

        Args:
            curve: What was reported so far; may be empty.
            baseline: The architecture's `baseline`.
        """
        shares = _interpolation(curve[-1][0] / self._max_t if curve else 0.0)
        weights, corrections = shares @ self.weights, np.tensordot(shares, self._corrections, 1)
        mean, variance = _correct(*self._regression.forecast(curve, baseline), *corrections[0])
        if weights[1] >= _NEGLIGIBLE and sum(_is_usable(*report) for report in curve) > 1:
            family = (float(column[0]) for column in self._forecast_families([curve]))
            family_mean, family_variance = _correct(*family, *corrections[1])
            means, variances = np.array([mean, family_mean]), np.array([variance, family_variance])
            mean, variance = _mix(means, variances, weights)
        return float(mean), float(variance)

    def _forecast_families(self, curves: Sequence[Curve]) -> tuple[Array, Array]:
        """Means and variances of the parametric families' forecasts, each of shape (curves,)."""
        times = sorted({t for curve in curves for t, _ in curve if t > 0}) or [self._max_t]
        column = {t: index for index, t in enumerate(times)}
        values = np.full((len(curves), len(times)), np.nan)
        for row, curve in enumerate(curves):
            for t, value in curve:
                if t > 0:
                    values[row, column[t]] = np.clip((value - self._low) / self._unit, -1.0, 2.0)
        mean, variance = fit_families(np.array(times), values, self._max_t).forecast(self._max_t)
        return mean * self._unit + self._low, variance * self._unit**2


def _is_usable(time: float, value: float) -> bool:
    return time > 0 and math.isfinite(value)


def _first_value(curve: Curve) -> float:
    return next((value for t, value in curve if t > 0), math.nan)


def _until(curve: Curve, time: float) -> Curve:
    return [report for report in curve if report[0] <= time]


def _interpolation(fraction: float) -> Array:
    """The share of each of `_FRACTIONS` in the linear interpolation at `fraction`."""
    return np.array([np.interp(fraction, _FRACTIONS, one) for one in np.eye(len(_FRACTIONS))])


def _correction(truth: Array, mean: Array, variance: Array) -> tuple[float, float]:
    """Shift of a model's mean, in standard deviations, and the factor of these.

    Corrected forecasts cover nine in ten of the true ends. Only the better half of the forecasts
    counts: good trials have smaller errors, and decisions are about them. The factor is the upper
    end of its 95 % interval, since it rests on few curves and overconfidence is the costlier error.
    """
    upper = mean >= np.median(mean)
    errors = ((truth - mean) / np.sqrt(variance))[upper]
    shift = float(np.median(errors))
    quantile = min(1.0, 0.9 + 1.645 * math.sqrt(0.9 * 0.1 / len(errors)))
    return shift, max(_NARROWEST, float(np.quantile(np.abs(errors - shift), quantile)) / 1.645)


def _correct(mean: Any, variance: Any, shift: float, factor: float) -> tuple[Any, Any]:
    return mean + shift * np.sqrt(variance), variance * factor**2


def _log_density(value: Array, mean: Array, variance: Array) -> Array:
    """Log density of a Student t with 5 degrees of freedom: one outlier must not decide."""
    return np.asarray(-0.5 * np.log(variance) - 3 * np.log1p((value - mean) ** 2 / (5 * variance)))


def _mix(means: Array, variances: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and variance of a mixture; models along the first axis."""
    mean = weights @ means
    return mean, weights @ (variances + (means - mean) ** 2)
