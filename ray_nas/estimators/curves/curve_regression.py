"""Gaussian process over architectures and time (matrix-normal: Bonilla et al., 2007).

https://papers.nips.cc/paper/3189

Learns from finished curves what an architecture's encoding says about its whole curve, and what the
beginning of a curve adds about its end. The first is kernel ridge regression of curves on
encodings; the second is Gaussian conditioning with the covariance over time of the first one's
leave-one-out residuals. Both are fitted once for all trials; a forecast is one product of vectors.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.arrays import Array, squared_distances
from ray_nas.estimators.curves.curve import Curve

MIN_CURVES: Final = 20
"""How many finished curves a fit needs."""
_MAX_CURVES: Final = 1000
_RATIO: Final = 1.2
"""Times within this factor are one feature: the mean of their values."""
_MAX_BINS: Final = 40
_FLOOR: Final = -3.0
"""Standardised values are clipped here: how bad a bad curve is does not matter."""
_LENGTHS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 1e6)
_RIDGES: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_TUNING_CURVES: Final = 300
"""Curves for choosing kernel length and ridge: enough for two numbers."""
_JITTER: Final = 0.02

Mask = npt.NDArray[np.bool_]


class CurveRegression:
    """Forecasts the value at full length from the encoding and the first reports.

    Args:
        curves: At least `MIN_CURVES` finished curves; only the last 1,000 are used.
        encodings: The architectures' encodings, shape (curves, features); columns need a common
            scale, as one-hot columns have.
        max_t: Full length, in units of the curves' times.

    Raises:
        ValueError: There are too few curves.

    Example:
        >>> import numpy as np
        >>> widths = np.linspace(0, 1, 40)
        >>> curves = [[(1, width), (2, width + 1), (4, width + 2)] for width in widths]
        >>> model = CurveRegression(curves, widths[:, None], max_t=4)
        >>> mean, variance = model.forecast(curves[9][:2], model.baseline(widths[9:10]))
        >>> bool(abs(mean - curves[9][-1][1]) < 0.05)
        True
    """

    def __init__(self, curves: Sequence[Curve], encodings: Array, max_t: float) -> None:
        if len(curves) < MIN_CURVES:
            raise ValueError(
                f"curves must be at least {MIN_CURVES} finished ones, got {len(curves)}"
            )
        curves = curves[-_MAX_CURVES:]
        self._encodings = np.asarray(encodings, dtype=np.float64)[-_MAX_CURVES:]
        self._max_t = max_t
        # Columns: bins of time in which most curves have reports, then the final value
        self._columns = np.arange(_MAX_BINS)
        raw = np.stack([self._binned(curve) for curve in curves])
        self._columns = self._columns[np.isfinite(raw).mean(0) > 0.5]
        raw = np.column_stack([raw[:, self._columns], [curve[-1][1] for curve in curves]])
        # Location and spread of the better half: what matters is how good architectures differ
        finite = np.where(np.isfinite(raw), raw, np.nan)
        self._center = np.nanmedian(finite, axis=0)
        spread = (np.nanquantile(finite, 0.9, axis=0) - self._center) / 1.2816
        self._scale = np.where(spread > 0, spread, np.maximum(np.nanstd(finite, axis=0), 1e-9))
        table = self._standardize(raw)
        self._table = np.where(np.isnan(table), 0.0, table)
        self._fit_encodings()
        self._fit_time()

    def _binned(self, curve: Curve) -> Array:
        """The mean value in each geometric interval of time, the latest first; NaN if empty."""
        times = np.fromiter((t for t, _ in curve), dtype=np.float64, count=len(curve))
        values = np.fromiter((v for _, v in curve), dtype=np.float64, count=len(curve))
        inside = (times > 0) & (times < self._max_t)
        exact = np.log(self._max_t / times[inside]) / math.log(_RATIO)
        bins = np.minimum(exact, _MAX_BINS - 1).astype(np.intp)
        count = np.bincount(bins, minlength=_MAX_BINS)
        finite = np.nan_to_num(values[inside], nan=-np.inf, neginf=-np.inf)
        total = np.bincount(bins, finite, _MAX_BINS)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (total / count)[self._columns]

    def _standardize(self, raw: Array) -> Array:
        """Values in units of the better half's spread; NaN stays."""
        columns = slice(0, raw.shape[-1])
        return np.asarray(np.maximum((raw - self._center[columns]) / self._scale[columns], _FLOOR))

    def _fit_encodings(self) -> None:
        """Kernel ridge regression of every column on the encodings."""
        squared = squared_distances(self._encodings, self._encodings)
        self._length, self._ridge = _best_kernel(squared, self._table)
        kernel = np.exp(-squared / (2 * self._length))
        self._inverse = np.linalg.inv(kernel + self._ridge * np.eye(len(kernel)))
        self._weights = self._inverse @ self._table
        # Leave-one-out, exact for kernel ridge
        self._residuals = self._weights / np.diag(self._inverse)[:, None]
        self._mean_leverage = float((1 / np.diag(self._inverse)).mean())

    def _fit_time(self) -> None:
        """The covariance of the residuals over time, shrunk towards a common correlation."""
        n = len(self._table)
        covariance = self._residuals.T @ self._residuals / n
        variances = np.diag(covariance)
        shrinkage = min(0.5, covariance.shape[0] / (10 * n))
        correlation = covariance / np.sqrt(np.outer(variances, variances) + 1e-12)
        pairs = max(1, len(variances) * (len(variances) - 1))
        common = (correlation.sum() - len(variances)) / pairs
        target = common * np.sqrt(np.outer(variances, variances))
        np.fill_diagonal(target, variances)
        self._covariance = (1 - shrinkage) * covariance + shrinkage * target
        self._gains: dict[bytes, tuple[Array, float]] = {}

    def baseline(self, encoding: Array) -> Array:
        """What the encoding alone predicts, for `forecast` and `surprise`.

        Args:
            encoding: Shape (features,).

        Returns:
            The standardised mean curve and, last, the factor of its variance; shape (bins + 2,).
        """
        row = np.asarray(encoding, dtype=np.float64)[None]
        kernel = np.exp(-squared_distances(row, self._encodings)[0] / (2 * self._length))
        leverage = 1 + self._ridge - kernel @ self._inverse @ kernel
        return np.append(kernel @ self._weights, np.clip(leverage / self._mean_leverage, 0.5, 4.0))

    def _gain(self, seen: Mask) -> tuple[Array, float]:
        """Weights of the residuals seen so far in the forecast of the last, and its variance.

        They are the same for all trials that have reported in the same intervals.
        """
        key = seen.tobytes()
        if key not in self._gains:
            index = np.flatnonzero(seen)
            cross = self._covariance[index, -1]
            gain = np.linalg.solve(self._past_covariance(seen), cross)
            n = len(self._table)
            # As in linear regression: the gain was fitted to the same residuals
            optimism = n / max(n - len(index) - 2, n / 4)
            variance = optimism * float(self._covariance[-1, -1] - gain @ cross)
            self._gains[key] = gain, max(variance, 1e-6)
        return self._gains[key]

    def _past_covariance(self, seen: Mask) -> Array:
        """Covariance of the residuals seen so far, shape (seen, seen), with a little noise."""
        past = self._covariance[:-1, :-1][np.ix_(seen, seen)]
        scale = np.diag(past).mean() if len(past) else 0.0
        return np.asarray(past + _JITTER * np.eye(len(past)) * scale)

    def forecast(self, curve: Curve, baseline: Array) -> tuple[float, float]:
        """Mean and variance of the value at full length, in the metric's units.

        Args:
            curve: What was reported so far; may be empty.
            baseline: The architecture's `baseline`.
        """
        if curve:
            values = self._standardize(self._binned(curve))
        else:
            values = np.full(len(self._columns), np.nan)
        seen = np.isfinite(values)
        gain, variance = self._gain(seen)
        mean = baseline[-2] + float((values[seen] - baseline[:-2][seen]) @ gain)
        scale = float(self._scale[-1])
        return float(self._center[-1]) + scale * mean, scale**2 * variance * float(baseline[-1])

    def surprise(self, curve: Curve, baseline: Array) -> float:
        """Root mean square of a curve's standardised residuals from its baseline.

        About 1 for curves like those of the fit; far more for curves of another kind.
        """
        values = self._standardize(self._binned(curve))
        seen = np.isfinite(values)
        if not seen.any():
            return 1.0
        residual = (values - baseline[:-2])[seen]
        variances = np.diag(self._covariance)[:-1][seen] * baseline[-1]
        return float(np.sqrt((residual**2 / variances).mean()))

    def leave_one_out(self, fraction: float) -> tuple[Array, Array, Array]:
        """Forecasts of each curve by a regression that has not seen it.

        Args:
            fraction: The share of full length up to which each curve is shown.

        Returns:
            Mean, variance and true value at full length, in the metric's units; each of shape
            (curves,).
        """
        seen = self._columns >= math.log(1 / fraction) / math.log(_RATIO)
        gain, variance = self._gain(seen)
        past = self._residuals[:, :-1][:, seen]
        # Each curve had its part in the gain too: remove its leverage, as far as possible
        solved = np.linalg.solve(self._past_covariance(seen), past.T)
        leverage = np.einsum("ij,ji->i", past, solved) / len(past)
        error = (self._residuals[:, -1] - past @ gain) / np.maximum(1 - leverage, 0.2)
        truth = self._table[:, -1] * self._scale[-1] + self._center[-1]
        factor = np.clip(1 / np.diag(self._inverse) / self._mean_leverage, 0.5, 4.0)
        return truth - error * self._scale[-1], self._scale[-1] ** 2 * variance * factor, truth


def _best_kernel(squared: Array, table: Array) -> tuple[float, float]:
    """Kernel length and ridge with the smallest leave-one-out error."""
    few = slice(0, _TUNING_CURVES)
    best = (math.inf, 0.0, 0.0)
    for length in _LENGTHS:
        values, vectors = np.linalg.eigh(np.exp(-squared[few, few] / (2 * length)))
        rotated = vectors.T @ table[few]
        for ridge in _RIDGES:
            inverse = 1 / (np.maximum(values, 0.0) + ridge)
            leverage = ((vectors**2) @ inverse)[:, None]
            residual = (vectors @ (inverse[:, None] * rotated)) / leverage
            best = min(best, (float((residual**2).mean()), length, ridge))
    _, length, ridge = best
    return length, ridge
