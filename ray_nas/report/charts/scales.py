"""Maps values to pixels, chooses round ticks, and writes numbers as people do."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_MAX_OUTSIDE: Final = 0.02
"""The share of values that a robust range leaves out at each end."""


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels.

    Example:
        >>> scale = Scale(0, 10, 100, 200)
        >>> scale(5), scale.ticks(5)
        (150.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """

    low: float
    high: float
    start: float
    """The pixel of `low`."""
    end: float
    """The pixel of `high`."""

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside of the range are put at its nearer end."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def pixels(self, values: Array) -> Array:
        """The pixels of many values; as a call does, value by value."""
        share = (np.clip(values, self.low, self.high) - self.low) / ((self.high - self.low) or 1.0)
        return np.asarray(self.start + share * (self.end - self.start))

    def value(self, pixel: float) -> float:
        """The value at a pixel."""
        share = (pixel - self.start) / ((self.end - self.start) or 1.0)
        return self.low + share * (self.high - self.low)

    def ticks(self, number: int) -> list[float]:
        """Round values inside of the range, about so many."""
        step = _round_step((self.high - self.low) / max(number, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _round_step(rough: float) -> float:
    """The smallest round number (1, 2, 2.5 or 5 times a power of ten) that is at least `rough`."""
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - 1e-9))


def span(values: Iterable[float], margin: float = 0.05) -> tuple[float, float]:
    """The finite values' range, widened at each end by a share of it; never empty.

    Example:
        >>> span([1.0, 2.0], margin=0.5)
        (0.5, 2.5)
        >>> span([])
        (0.0, 1.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    gap = (high - low) * margin or abs(high) * 0.05 or 0.5
    return low - gap, high + gap


def robust_span(values: Sequence[float], keep: Iterable[float] = ()) -> tuple[float, float]:
    """The range of most values: a few that are far away do not squeeze the others.

    Args:
        values: What is drawn.
        keep: Values that must be inside.

    Example:
        >>> low, high = robust_span([0.90, 0.91, 0.92] * 100 + [-50.0])
        >>> 0.8 < low < 0.9, 0.92 < high < 1
        (True, True)
    """
    finite = np.array([value for value in values if math.isfinite(value)])
    if not len(finite):
        return span(keep)
    low, high = np.quantile(finite, [_MAX_OUTSIDE, 1 - _MAX_OUTSIDE]).tolist()
    gap = (high - low) / 2
    low, high = max(float(finite.min()), low - gap), min(float(finite.max()), high + gap)
    return span([low, high, *keep])


def format_number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits; thousands are separated.

    Example:
        >>> format_number(0.123456), format_number(1234567.0), format_number(float("nan"))
        ('0.1235', '1,234,567', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def format_tick(value: float) -> str:
    """A tick's label: short, with k and M for thousands and millions.

    Example:
        >>> format_tick(12000), format_tick(0.25), format_tick(2_500_000)
        ('12k', '0.25', '2.5M')
    """
    for limit, size, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{value / size:g}{letter}"
    return f"{value:.6g}"


def format_share(share: float) -> str:
    """A share in percent.

    Example:
        >>> format_share(0.173), format_share(0.004), format_share(0.0)
        ('17 %', '< 1 %', '0 %')
    """
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def format_seconds(seconds: float) -> str:
    """A duration in the unit that suits it.

    Example:
        >>> format_seconds(42), format_seconds(150), format_seconds(9000), format_seconds(180000)
        ('42 s', '2.5 min', '2.5 h', '2.08 days')
    """
    if not math.isfinite(seconds):
        return "unknown"
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 48 * 3600)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"
