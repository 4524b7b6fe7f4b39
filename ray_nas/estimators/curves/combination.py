"""Both curve models together, weighted by how well each foretold the finished curves."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.blas import one_thread
from ray_nas.estimators.curves.families import fit_families
from ray_nas.estimators.curves.regression import Curve, CurveRegression

Floats = npt.NDArray[np.float64]

_FRACTIONS: Final = (0.1, 0.3, 0.6)
"""How much of a curve is shown when the models are put to the test."""
_TESTED: Final = 250
_TOO_WIDE: Final = 2.0
"""A model whose spread has to be widened beyond this is not to be trusted."""
_NEGLIGIBLE: Final = 0.01


class CurveForecaster:
    """Forecasts how a trial will end, from its curve so far and its architecture.

    The weight of a model is the product of the densities that it gave to the ends of the finished curves, each left out
    of the regression. The spread of the forecast is widened to what those errors show.

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
        starts = np.array([curve[0][1] for curve in curves])
        self._low, high = np.nanquantile(starts, 0.05), np.nanquantile(ends, 0.95)
        self._unit = max(float(high - self._low), 1e-12) / 0.8
        self._calibrate(curves[-_TESTED:])

    def _calibrate(self, curves: Sequence[Curve]) -> None:
        scores, forecasts = np.zeros(2), []
        for fraction in _FRACTIONS:
            mean, variance, truth = (column[-len(curves) :] for column in self._regression.leave_one_out(fraction))
            family_mean, family_variance = self._families(
                [[point for point in curve if point[0] <= fraction * self._max_t] for curve in curves]
            )
            both = np.stack([mean, family_mean]), np.stack([variance, family_variance])
            scores += [np.mean(_log_density(truth, m, v)) for m, v in zip(*both, strict=True)]
            forecasts.append((*both, truth))
        weights = np.exp((scores - scores.max()) / len(_FRACTIONS) * len(curves))
        self.weights = weights / weights.sum()
        """Of the regression and of the parametric families."""
        errors = []
        for means, variances, truth in forecasts:
            mean, variance = _pool(means, variances, self.weights)
            errors.append((truth - mean) / np.sqrt(variance))
        self.spread = max(1.0, float(np.quantile(np.abs(np.concatenate(errors)), 0.9)) / 1.645)
        """By how much the forecasts' standard deviation is multiplied, so that nine in ten finished curves lie where they should."""

    @property
    def calibrated(self) -> bool:
        """Whether the finished curves are anything like what was forecast of them."""
        return self.spread <= _TOO_WIDE

    @property
    def cheap(self) -> bool:
        """Whether a forecast needs no fit of the parametric families."""
        return bool(self.weights[1] < _NEGLIGIBLE)

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
        mean, variance = self._regression.forecast(curve, baseline)
        if not self.cheap and sum(math.isfinite(value) for _, value in curve) > 1:
            family_mean, family_variance = self._families([curve])
            means, variances = np.array([[mean], family_mean]), np.array([[variance], family_variance])
            mean, variance = (float(column[0]) for column in _pool(means, variances, self.weights))
        return mean, variance * self.spread**2

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


def _log_density(value: Floats, mean: Floats, variance: Floats) -> Floats:
    """Of a Student t with 5 degrees of freedom: one wild curve is not to settle which model is better."""
    return np.asarray(-0.5 * np.log(variance) - 3 * np.log1p((value - mean) ** 2 / (5 * variance)))


def _pool(means: Floats, variances: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the mixture; models along the first axis."""
    mean = weights @ means
    return mean, weights @ (variances + (means - mean) ** 2)
