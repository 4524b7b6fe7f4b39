"""Gaussian process over architectures and time (matrix-normal: Bonilla et al., 2007,
https://papers.nips.cc/paper/3189).

Learns from finished curves what an architecture's encoding says of its whole curve, and what the
beginning of a curve says of its end beyond that. The first is kernel ridge regression of the curve
on the encoding; the second is Gaussian conditioning with the covariance over time of the first
one's leave-one-out residuals. Both are fitted once for all trials; a forecast is one product of
vectors.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Curve = Sequence[tuple[float, float]]
"""(time, value) in rising order of time; larger values are better, NaN for a diverged one.

What was reported at time 0 or below, before any training, is left out."""

MIN_CURVES: Final = 20
_MAX_CURVES: Final = 1000
_RATIO: Final = 1.2
"""Times within a factor of this are one feature, the mean of their values."""
_MAX_BINS: Final = 40
_FLOOR: Final = -3.0
"""Standardised values end here below: how bad a bad curve is, is of no account."""
_LENGTHS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 1e6)
_RIDGES: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_JITTER: Final = 0.02


class CurveRegression:
    """Forecasts the value at full length.

    Args:
        curves: At least `MIN_CURVES` finished curves; of more than 1,000 the last are used.
        codes: (n, d) their architectures' encodings; columns are to be on one scale, as one-hot
            columns are.
        max_t: Full length.

    Raises:
        ValueError: Too few curves.
    """

    def __init__(self, curves: Sequence[Curve], codes: Floats, max_t: float) -> None:
        if len(curves) < MIN_CURVES:
            raise ValueError(
                f"curves must be at least {MIN_CURVES} finished ones, got {len(curves)}"
            )
        curves, self._codes, self._max_t = (
            curves[-_MAX_CURVES:],
            np.asarray(codes, dtype=np.float64)[-_MAX_CURVES:],
            max_t,
        )
        self._columns = np.arange(_MAX_BINS)
        raw = np.stack([self._binned(curve) for curve in curves])
        self._columns = self._columns[np.isfinite(raw).mean(0) > 0.5]
        raw = np.column_stack([raw[:, self._columns], [curve[-1][1] for curve in curves]])
        # Location and spread of the better half: the differences between good architectures are
        # what counts.
        finite = np.where(np.isfinite(raw), raw, np.nan)
        self._center = np.nanmedian(finite, axis=0)
        spread = (np.nanquantile(finite, 0.9, axis=0) - self._center) / 1.2816
        self._scale = np.where(spread > 0, spread, np.maximum(np.nanstd(finite, axis=0), 1e-9))
        table = self._standardise(raw)
        self._fit_codes(np.where(np.isnan(table), 0.0, table))

    def _binned(self, curve: Curve) -> Floats:
        """Mean value of each geometric interval of time, the latest first; NaN where nothing was
        reported.
        """
        times = np.fromiter((t for t, _ in curve), dtype=np.float64, count=len(curve))
        values = np.fromiter((v for _, v in curve), dtype=np.float64, count=len(curve))
        inside = (times > 0) & (times < self._max_t)
        bins = np.minimum(
            np.log(self._max_t / times[inside]) / math.log(_RATIO), _MAX_BINS - 1
        ).astype(np.intp)
        count = np.bincount(bins, minlength=_MAX_BINS)
        total = np.bincount(
            bins, np.nan_to_num(values[inside], nan=-np.inf, neginf=-np.inf), _MAX_BINS
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return (total / count)[self._columns]

    def _standardise(self, raw: Floats) -> Floats:
        columns = slice(0, raw.shape[-1])
        return np.asarray(
            np.maximum((raw - self._center[columns]) / self._scale[columns], _FLOOR)
        )  # NaN stays

    def _fit_codes(self, table: Floats) -> None:
        """Kernel ridge of every column on the encodings; kernel length and ridge by
        leave-one-out error.
        """
        squared = _squared_distances(self._codes, self._codes)
        best = (math.inf, 0.0, 0.0)
        few = slice(0, 300)  # enough to choose two numbers with
        for length in _LENGTHS:
            values, vectors = np.linalg.eigh(np.exp(-squared[few, few] / (2 * length)))
            rotated = vectors.T @ table[few]
            for ridge in _RIDGES:
                inverse = 1 / (np.maximum(values, 0.0) + ridge)
                residual = (vectors @ (inverse[:, None] * rotated)) / ((vectors**2) @ inverse)[
                    :, None
                ]
                best = min(best, (float((residual**2).mean()), length, ridge))
        _, self._length, self._ridge = best
        kernel = np.exp(-squared / (2 * self._length))
        self._inverse = np.linalg.inv(kernel + self._ridge * np.eye(len(kernel)))
        self._weights = self._inverse @ table
        self._residuals = (
            self._weights / np.diag(self._inverse)[:, None]
        )  # leave-one-out, exact for kernel ridge
        self._table = table
        n = len(table)
        covariance = self._residuals.T @ self._residuals / n
        variances = np.diag(covariance)
        shrinkage = min(
            0.5, covariance.shape[0] / (10 * n)
        )  # towards a common correlation between all times
        correlation = covariance / np.sqrt(np.outer(variances, variances) + 1e-12)
        common = (correlation.sum() - len(variances)) / max(
            1, len(variances) * (len(variances) - 1)
        )
        target = common * np.sqrt(np.outer(variances, variances))
        np.fill_diagonal(target, variances)
        self._covariance = (1 - shrinkage) * covariance + shrinkage * target
        self._mean_leverage = float((1 / np.diag(self._inverse)).mean())
        self._gains: dict[bytes, tuple[Floats, float]] = {}

    def baseline(self, code: Floats) -> Floats:
        """What the encoding alone says: the standardised mean curve (B + 1,) and, last, the
        factor of its variance.
        """
        kernel = np.exp(
            -_squared_distances(np.asarray(code, dtype=np.float64)[None], self._codes)[0]
            / (2 * self._length)
        )
        leverage = 1 + self._ridge - kernel @ self._inverse @ kernel
        return np.append(kernel @ self._weights, np.clip(leverage / self._mean_leverage, 0.5, 4.0))

    def _gain(self, seen: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
        """Weights of the residuals seen so far in the forecast of the last, and its variance;
        the same for all trials.
        """
        key = seen.tobytes()
        if key not in self._gains:
            index = np.flatnonzero(seen)
            cross = self._covariance[index, -1]
            gain = np.linalg.solve(self._past_covariance(seen), cross)
            n = len(self._table)
            optimism = n / max(
                n - len(index) - 2, n / 4
            )  # as in linear regression: the gain was fitted to the same residuals
            self._gains[key] = (
                gain,
                max(optimism * float(self._covariance[-1, -1] - gain @ cross), 1e-6),
            )
        return self._gains[key]

    def _past_covariance(self, seen: npt.NDArray[np.bool_]) -> Floats:
        """Of the residuals seen so far, (s, s), with a little noise."""
        past = self._covariance[:-1, :-1][np.ix_(seen, seen)]
        return np.asarray(
            past + _JITTER * np.eye(len(past)) * (np.diag(past).mean() if len(past) else 0.0)
        )

    def forecast(self, curve: Curve, baseline: Floats) -> tuple[float, float]:
        """Mean and variance of the value at full length, in the metric's units.

        Args:
            curve: What was reported so far; may be empty.
            baseline: The architecture's `baseline`.
        """
        seen_values = (
            self._standardise(self._binned(curve)) if curve else np.full(len(self._columns), np.nan)
        )
        seen = np.isfinite(seen_values)
        gain, variance = self._gain(seen)
        mean = baseline[-2] + float((seen_values[seen] - baseline[:-2][seen]) @ gain)
        scale = float(self._scale[-1])
        return float(self._center[-1]) + scale * mean, scale**2 * variance * float(baseline[-1])

    def surprise(self, curve: Curve, baseline: Floats) -> float:
        """The root mean square of a curve's standardised residuals from what its encoding said;
        about 1 if all is well.

        Far more says that these curves are not of the kind that was learnt from.
        """
        values = self._standardise(self._binned(curve))
        seen = np.isfinite(values)
        residual = (values - baseline[:-2])[seen]
        return (
            float(
                np.sqrt(
                    (residual**2 / (np.diag(self._covariance)[:-1][seen] * baseline[-1])).mean()
                )
            )
            if seen.any()
            else 1.0
        )

    def leave_one_out(self, fraction: float) -> tuple[Floats, Floats, Floats]:
        """Mean, variance and truth (n,) of the final value of each curve, seen up to a fraction of
        full length.

        Each was left out of the regression on encodings; means and variances are in the metric's
        units.
        """
        seen = self._columns >= math.log(1 / fraction) / math.log(_RATIO)
        gain, variance = self._gain(seen)
        past = self._residuals[:, :-1][:, seen]
        # Each curve had its part in the gain too: its leverage in that regression is taken out, as
        # far as it can be.
        leverage = np.einsum(
            "ij,ji->i", past, np.linalg.solve(self._past_covariance(seen), past.T)
        ) / len(past)
        error = (self._residuals[:, -1] - past @ gain) / np.maximum(1 - leverage, 0.2)
        truth = self._table[:, -1] * self._scale[-1] + self._center[-1]
        factor = np.clip(1 / np.diag(self._inverse) / self._mean_leverage, 0.5, 4.0)
        return truth - error * self._scale[-1], self._scale[-1] ** 2 * variance * factor, truth


def _squared_distances(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0.0))
