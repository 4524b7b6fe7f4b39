"""Scales, ticks, ranges and numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_nas.report.charts.scales import (
    Scale,
    format_number,
    format_seconds,
    format_tick,
    robust_span,
    span,
)

FINITE = st.floats(-1e9, 1e9)


@given(FINITE, st.floats(1e-6, 1e9), FINITE)
def test_pixels_and_values_are_inverse(low: float, length: float, value: float) -> None:
    scale = Scale(low, low + length, 300.0, 20.0)
    pixel = scale(value)
    assert 20 <= pixel <= 300
    assert scale.pixels(np.array([value]))[0] == pytest.approx(pixel)
    inside = min(max(value, scale.low), scale.high)
    assert scale.value(pixel) == pytest.approx(inside, abs=1e-6 * (abs(low) + length))


@given(FINITE, st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_are_round_and_inside(low: float, length: float, number: int) -> None:
    scale = Scale(low, low + length, 0, 100)
    ticks = scale.ticks(number)
    margin = 1e-6 * (abs(low) + length)
    assert all(scale.low - margin <= tick <= scale.high + margin for tick in ticks)
    assert len(ticks) <= number + 1


@given(st.lists(st.floats(), max_size=30))
def test_ranges_are_never_empty(values: list[float]) -> None:
    for low, high in (span(values), robust_span(values)):
        assert math.isfinite(low) or abs(low) > 1e300
        assert low < high or math.isinf(high - low) or max(map(abs, (low, high))) > 1e15


def test_far_values_do_not_squeeze_the_others() -> None:
    low, high = robust_span([*np.linspace(0.9, 1.0, 200), -1e6])
    assert (low, high) == (pytest.approx(0.85, abs=0.05), pytest.approx(1.0, abs=0.05))
    assert robust_span([0.9, 1.0], keep=[0.1])[0] < 0.1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.12345, "0.1235"), (-3.0, "-3"), (999.94, "999.9"), (1234.6, "1,235"),
        (1e12, "1.000e+12"), (1e-7, "1e-07"), (math.inf, "∞"), (-math.inf, "-∞"),
        (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert format_number(value) == text


def test_ticks_and_durations() -> None:
    assert [format_tick(value) for value in (0.0, 9999, 1e4, 1.5e6, 2e9, -2e4)] == [
        "0", "9999", "10k", "1.5M", "2G", "-20k",
    ]  # fmt: skip
    assert format_seconds(math.nan) == "unknown"
    assert format_seconds(7300) == "2.03 h"
