"""A learning curve: what a trial has reported over time."""

from bisect import bisect_right
from collections.abc import Sequence

Curve = Sequence[tuple[float, float]]
"""(time, value) in increasing order of time; larger values are better, NaN for a diverged one.

The curve models ignore values at time 0 or below, reported before any training.
"""


def value_at(curve: Curve, time: float) -> float | None:
    """The last value reported by then; None if there is none.

    Example:
        >>> value_at([(1, 0.5), (3, 0.7)], 2)
        0.5
    """
    place = bisect_right(curve, time, key=lambda report: report[0])
    return curve[place - 1][1] if place else None
