import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def intervals(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("intervals")


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says(intervals: ModuleType) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = intervals.bootstrap_interval(rng.normal(size=30), resamples=500)
        covered += low <= 0.0 <= high
    assert 165 <= covered <= 190


def test_all_intervals_of_a_mean_agree_on_many_values(intervals: ModuleType) -> None:
    values = np.random.default_rng(0).normal(size=2_000)
    mean, low, high = intervals.with_bootstrap_interval(values)
    assert intervals.normal_interval(values) == pytest.approx([mean, (high - low) / 2], abs=2e-3)
    wider = 1.96 / intervals.Z90  # 95 % in place of 90 %
    assert intervals.student_half_width(values) == pytest.approx(wider * (high - low) / 2, abs=4e-3)
    assert intervals.student_half_width([1.0]) == math.inf


def test_the_interquartile_mean_ignores_the_outer_quarters(intervals: ModuleType) -> None:
    values = np.array([1e9, 1.0, 2.0, -1e9])
    assert intervals.interquartile_mean(values) == 1.5
    columns = np.stack([values, values + 1], axis=1)
    assert intervals.interquartile_mean(columns, axis=0).tolist() == [1.5, 2.5]


def test_an_interval_is_printed_in_brackets(intervals: ModuleType) -> None:
    assert intervals.format_interval(0.5, 0.25, 1.0, ".2f") == "0.50 [0.25, 1.00]"
