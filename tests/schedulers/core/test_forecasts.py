"""Forecasts of final values: when the models are fitted, trusted, and forgotten."""

import json
import math

import pytest
from ConfigSpace import ConfigurationSpace
from ray import cloudpickle

from ray_nas.schedulers.core.forecasts import CurveForecasts
from ray_nas.spaces import SearchSpace

MAX_T = 20


def value(x: float, time: float) -> float:
    return x * (1 - math.exp(-time / 6)) + 0.01 * math.sin(50 * x + time)


def prior(number: int = 40) -> list:
    return [
        ({"x": i / number}, [(t, value(i / number, t)) for t in range(1, MAX_T + 1)])
        for i in range(number)
    ]


def add(forecasts: CurveForecasts, trial_id: str, x: float, until: int, shift: float = 0) -> bool:
    """Adds a trial with its first reports; whether the last one led to a forecast."""
    forecasts.add_trial(trial_id, {"x": x})
    is_new = False
    for time in range(1, until + 1):
        forecasts.report(trial_id, time, value(x, time) + shift)
        is_new = forecasts.update(trial_id)
    return is_new


def test_there_is_no_forecast_before_twenty_finished_curves() -> None:
    forecasts = CurveForecasts(MAX_T, None, ())
    for i in range(20):
        assert not add(forecasts, f"t{i:02d}", i / 20, MAX_T)
        assert forecasts.why_not_trusted == "fewer than 20 finished curves"
        assert not forecasts.are_trusted
        forecasts.finish(f"t{i:02d}")
    assert add(forecasts, "new", 0.5, 1)
    assert forecasts.win_probability("new")[1] == "t19"
    assert forecasts.is_contender("t03")


@pytest.mark.parametrize("is_restored", [False, True])
def test_the_first_fit_makes_no_rival_of_a_stopped_trial(is_restored: bool) -> None:
    forecasts = CurveForecasts(MAX_T, None, ())
    add(forecasts, "stopped", 2.0, 3)
    forecasts.remove_contender("stopped")
    for i in range(20):
        add(forecasts, f"t{i:02d}", i / 20, MAX_T)
        forecasts.finish(f"t{i:02d}")
    if is_restored:
        state = json.loads(json.dumps(forecasts.get_state()))
        forecasts = CurveForecasts(MAX_T, None, ())
        forecasts.set_state(state)
        for trial_id in state["curves"]:
            x = 2.0 if trial_id == "stopped" else int(trial_id[1:]) / 20
            forecasts.add_trial(trial_id, {"x": x})
    add(forecasts, "new", 0.5, 1)
    assert not forecasts.is_contender("stopped")
    assert forecasts.win_probability("new")[1] == "t19"
    assert forecasts.expected("stopped") > forecasts.expected("t19")  # still counts at rungs


def test_a_failed_trial_that_runs_again_is_a_contender_again() -> None:
    forecasts = CurveForecasts(MAX_T, None, prior())
    add(forecasts, "a", 0.5, 3)
    forecasts.remove_contender("a")
    assert not forecasts.is_contender("a")
    add(forecasts, "a", 0.5, 4)
    assert forecasts.is_contender("a")
    assert forecasts.get_state()["stopped"] == []


def test_forecasts_are_near_the_final_values() -> None:
    forecasts = CurveForecasts(MAX_T, None, prior())
    for i in range(8):
        add(forecasts, f"t{i}", i / 8, 3)
        assert forecasts.expected(f"t{i}") == pytest.approx(value(i / 8, MAX_T), abs=0.05)
    assert forecasts.are_trusted
    assert forecasts.win_probability("t7")[0] > 0.5
    assert forecasts.win_probability("t0") == (pytest.approx(0, abs=0.01), "t7")
    cutoff = forecasts.cutoff("t0", share=0.5)
    assert forecasts.expected("t0") < cutoff < forecasts.expected("t7")


def test_curves_unlike_the_prior_are_not_trusted() -> None:
    forecasts = CurveForecasts(MAX_T, None, prior())
    for i in range(7):
        add(forecasts, f"t{i}", i / 8, 3, shift=5)
    assert forecasts.why_not_trusted.startswith("fewer than 8 trials to compare")
    add(forecasts, "t7", 0.9, 3, shift=5)
    assert not forecasts.are_trusted
    assert "not like those learnt from" in forecasts.why_not_trusted


def test_a_retried_trial_replaces_its_reports() -> None:
    forecasts = CurveForecasts(MAX_T, None, ())
    for time, reported in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.25)):
        forecasts.report("a", time, reported)
    assert forecasts.get_state()["curves"] == {"a": [[1, 0.1], [2, 0.25]]}


@pytest.mark.parametrize(("last", "is_contender"), [(0.9, True), (math.nan, False)])
def test_an_ended_trial_counts_with_its_last_value(last: float, is_contender: bool) -> None:
    forecasts = CurveForecasts(MAX_T, None, prior())
    add(forecasts, "a", 0.5, 2)
    forecasts.report("a", 3, last)
    forecasts.end("a")
    assert forecasts.is_contender("a") == is_contender
    if is_contender:
        assert forecasts.expected("a") == last
    assert forecasts.get_state()["finished"] == []


def test_removed_trials_leave_nothing() -> None:
    forecasts, other = (CurveForecasts(MAX_T, None, prior()) for _ in range(2))
    add(other, "b", 0.7, 4)
    add(forecasts, "a", 0.5, 2)
    add(forecasts, "b", 0.7, 4)
    forecasts.remove_trials({"a", "unknown"})
    assert forecasts.get_state() == other.get_state()


@pytest.mark.parametrize("way", ["json", "pickle"])
def test_a_restored_one_continues_with_the_same_forecasts(way: str) -> None:
    forecasts = CurveForecasts(MAX_T, None, prior())
    for i in range(4):
        add(forecasts, f"t{i}", i / 4, 3)
    if way == "pickle":
        restored = cloudpickle.loads(cloudpickle.dumps(forecasts))
    else:
        restored = CurveForecasts(MAX_T, None, prior())
        restored.set_state(json.loads(json.dumps(forecasts.get_state(), allow_nan=False)))
        for i in range(4):
            restored.add_trial(f"t{i}", {"x": i / 4})
    assert restored.get_state() == forecasts.get_state()
    for each in (forecasts, restored):
        each.report("t1", 4, value(0.25, 4))
        assert each.update("t1")
    assert restored.get_state() == forecasts.get_state()


@pytest.mark.parametrize(
    "config", [{"x": 0.5}, {"arch": {"x": 0.5}, "lr": 0.1}, {"arch.x": 0.5, "lr": 0.1}]
)
def test_the_space_finds_its_part_of_a_config(config: dict) -> None:
    space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}))
    forecasts = CurveForecasts(MAX_T, space, prior())
    forecasts.add_trial("a", config)
    forecasts.report("a", 1, value(0.5, 1))
    assert forecasts.update("a")


def test_a_config_of_another_space_is_refused() -> None:
    space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}))
    forecasts = CurveForecasts(MAX_T, space, prior())
    forecasts.add_trial("a", {"depth": 3})
    forecasts.report("a", 1, 0.5)
    with pytest.raises(ValueError, match=r"does not recognise the config \{'depth': 3\}"):
        forecasts.update("a")
