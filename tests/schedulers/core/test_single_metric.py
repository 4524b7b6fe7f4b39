"""How a scheduler reads its one metric."""

import math

import numpy as np
import pytest

from ray_nas.schedulers.core.single_metric import SingleMetric


@pytest.mark.parametrize(("mode", "sign"), [("max", 1), ("min", -1)])
def test_larger_values_are_better(mode: str, sign: int) -> None:
    metric = SingleMetric("score", mode)
    assert metric.value({"score": np.float32(0.5)}) == sign * 0.5
    assert metric.as_reported(metric.value({"score": 0.5})) == 0.5


@pytest.mark.parametrize("reported", [math.nan, math.inf, -math.inf, "high", True])
def test_what_is_not_a_finite_number_is_nan(reported: object) -> None:
    assert math.isnan(SingleMetric("score", "min").value({"score": reported}))


@pytest.mark.parametrize("result", [{}, {"score": None}, {"loss": 0.5}])
def test_a_metric_that_was_not_reported_is_none(result: dict) -> None:
    assert SingleMetric("score", "max").value(result) is None


@pytest.mark.parametrize(
    ("own", "tunes", "merged"),
    [
        ((None, None), ("score", "max"), ("score", "max")),
        (("score", None), (None, "min"), ("score", "min")),
        (("score", "max"), (None, None), ("score", "max")),
        ((None, None), (None, "max"), ("_metric", "max")),
    ],
)
def test_metric_and_mode_come_from_either_side(own: tuple, tunes: tuple, merged: tuple) -> None:
    metric = SingleMetric(*own)
    assert metric.merge(*tunes)
    assert (metric.name, metric.mode) == merged
    metric.check("MyScheduler")


@pytest.mark.parametrize("tunes", [("loss", None), ("score", "max"), (None, "min")])
def test_metric_and_mode_must_not_come_from_both_sides(tunes: tuple) -> None:
    metric = SingleMetric("score", "max")
    assert not metric.merge(*tunes)
    assert (metric.name, metric.mode) == ("score", "max")


@pytest.mark.parametrize(
    ("name", "mode", "missing"), [(None, "max", "metric"), ("score", None, "mode")]
)
def test_a_missing_part_is_named(name: str | None, mode: str | None, missing: str) -> None:
    with pytest.raises(ValueError, match=f"^MyScheduler has no {missing}: give it one"):
        SingleMetric(name, mode).check("MyScheduler")
