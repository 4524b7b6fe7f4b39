"""Both curve models together, weighted by how well each foretold the finished curves."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.blas_threads import one_thread
from ray_nas.estimators.curves.curve_regression import Curve, CurveRegression
from ray_nas.estimators.curves.parametric_curves import fit_families

Floats = npt.NDArray[np.float64]

_FRACTIONS: Final = (0.02, 0.1, 0.3, 0.6)
"""How much of a curve is shown when the models are put to the test."""
_TESTED: Final = 250
_TOO_WIDE: Final = 3.0
"""A model whose spread has to be widened beyond this is not to be trusted."""
_NARROWEST: Final = 0.3
"""No spread is taken to be less than this share of what its model claims."""
_NEGLIGIBLE: Final = 0.01
"""A weight below which a model is not asked."""


class CurveForecaster:
    """Forecasts how a trial will end, from its curve so far and its architecture.

    Both models are put to the test on the finished curves, each left out of the regression, at some
    stages of full length. There each model's mean and spread are corrected by the errors found, and
    its weight is the product of the densities that it then gave to the ends. In between, weights
    and corrections are interpolated.

    Args:
        curves: Finished curves, at least `MIN_CURVES`; larger values are better.
        codes: (n, d) encodings of their architectures.
        max_t: Full length.
    """

    @one_thread
    def __init__(self, curves: Sequence[Curve], codes: Floats, max_t: float) -> None:
        self._max_t = max_t
        self._regression = CurveRegression(curves, codes, max_t)
        ends = np.array([curve[-1][1] for curve in curves])
        starts = np.array(
            [next((value for t, value in curve if t > 0), math.nan) for curve in curves]
        )
        self._low, high = np.nanquantile(starts, 0.05), np.nanquantile(ends, 0.95)
        self._unit = max(float(high - self._low), 1e-12) / 0.8
        self._calibrate(curves[-_TESTED:])

    def _calibrate(self, curves: Sequence[Curve]) -> None:
        weights, corrections = [], []
        for fraction in _FRACTIONS:
            mean, variance, truth = (
                column[-len(curves) :] for column in self._regression.leave_one_out(fraction)
            )
            family_mean, family_variance = self._families(
                [
                    [point for point in curve if point[0] <= fraction * self._max_t]
                    for curve in curves
                ]
            )
            models = ((mean, variance), (family_mean, family_variance))
            correction = [_correction(truth, m, v) for m, v in models]
            scores = np.array(
                [
                    _log_density(truth, *_correct(m, v, *c)).sum()
                    for (m, v), c in zip(models, correction, strict=True)
                ]
            )
            weight = np.exp(scores - scores.max())
            weights.append(weight / weight.sum())
            corrections.append(correction)
        self.weights = np.array(weights)
        """(4, 2): at each of `_FRACTIONS`, of the regression and of the parametric families."""
        self._corrections = np.array(corrections)
        """(4, 2, 2): of each one's mean, in standard deviations, and of its standard deviation,
        as a factor.
        """

    @property
    def calibrated(self) -> bool:
        """Whether the finished curves are anything like what was forecast of them."""
        return self.spread <= _TOO_WIDE

    @property
    def spread(self) -> float:
        """By how much the standard deviation of forecasts is multiplied at most."""
        return float((self.weights * self._corrections[..., 1]).sum(1).max())

    @property
    def cheap(self) -> bool:
        """Whether a forecast needs no fit of the parametric families."""
        return bool(self.weights[:, 1].max() < _NEGLIGIBLE)

    @one_thread
    def baseline(self, code: Floats) -> Floats:
        """What the encoding alone says; `forecast` and `surprise` take it."""
        return self._regression.baseline(code)

    @one_thread
    def surprise(self, curve: Curve, baseline: Floats) -> float:
        """How far a curve is from what its encoding let expect; about 1 if all is well."""
        return self._regression.surprise(curve, baseline)

    @one_thread
    def forecast(self, curve: Curve, baseline: Floats) -> tuple[float, float]:
        """Mean and variance of the value at full length, in the metric's units."""
        near = _nearness(curve[-1][0] / self._max_t if curve else 0.0)
        weights, corrections = near @ self.weights, np.tensordot(near, self._corrections, 1)
        mean, variance = _correct(*self._regression.forecast(curve, baseline), *corrections[0])
        if (
            weights[1] >= _NEGLIGIBLE
            and sum(t > 0 and math.isfinite(value) for t, value in curve) > 1
        ):
            family_mean, family_variance = _correct(
                *(float(column[0]) for column in self._families([curve])), *corrections[1]
            )
            mean, variance = _pool(
                np.array([mean, family_mean]), np.array([variance, family_variance]), weights
            )
        return float(mean), float(variance)

    def _families(self, curves: Sequence[Curve]) -> tuple[Floats, Floats]:
        times = sorted({t for curve in curves for t, _ in curve if t > 0})
        if not times:
            times = [self._max_t]
        column = {t: index for index, t in enumerate(times)}
        values = np.full((len(curves), len(times)), np.nan)
        for row, curve in enumerate(curves):
            for t, value in curve:
                if t > 0:
                    values[row, column[t]] = np.clip((value - self._low) / self._unit, -1.0, 2.0)
        mean, variance = fit_families(np.array(times), values, self._max_t).forecast(self._max_t)
        return mean * self._unit + self._low, variance * self._unit**2


def _nearness(fraction: float) -> Floats:
    """The share of each of `_FRACTIONS` in what is interpolated between them."""
    return np.array([np.interp(fraction, _FRACTIONS, one) for one in np.eye(len(_FRACTIONS))])


def _correction(truth: Floats, mean: Floats, variance: Floats) -> tuple[float, float]:
    """What is added to a model's mean, in standard deviations, and the factor of these, for nine in
    ten ends to lie inside.

    Of the better half of the forecasts, since the good trials' errors are the smaller ones and
    decisions are about these. As the factor is found from few, it is the upper end of its 95 %
    interval: to be too sure is the dearer error.
    """
    upper = mean >= np.median(mean)
    errors = ((truth - mean) / np.sqrt(variance))[upper]
    shift = float(np.median(errors))
    quantile = min(1.0, 0.9 + 1.645 * math.sqrt(0.9 * 0.1 / len(errors)))
    return shift, max(_NARROWEST, float(np.quantile(np.abs(errors - shift), quantile)) / 1.645)


def _correct(mean: Any, variance: Any, shift: float, factor: float) -> tuple[Any, Any]:
    return mean + shift * np.sqrt(variance), variance * factor**2


def _log_density(value: Floats, mean: Floats, variance: Floats) -> Floats:
    """Of a Student t with 5 degrees of freedom: one wild curve is not to settle which model is
    better.
    """
    return np.asarray(-0.5 * np.log(variance) - 3 * np.log1p((value - mean) ** 2 / (5 * variance)))


def _pool(means: Floats, variances: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the mixture; models along the first axis."""
    mean = weights @ means
    return mean, weights @ (variances + (means - mean) ** 2)
