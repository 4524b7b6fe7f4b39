"""Decisions of `LearningCurveASHA`, with and without a prior."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace
from ray.tune.schedulers import ASHAScheduler

from ray_nas.schedulers import LearningCurveASHA
from ray_nas.spaces import SearchSpace

MAX_T = 27


def value(x: float, epoch: float) -> float:
    return x * (1 - math.exp(-epoch / 6)) + 0.01 * math.sin(50 * x + epoch)


def prior(number: int = 60, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"trial": i, "x": i / number, "epoch": t, "score": value(i / number, t) + shift}
            for i in range(number)
            for t in range(1, MAX_T + 1)
        ]
    )


def make(**more) -> LearningCurveASHA:
    return LearningCurveASHA(
        **{"time_attr": "epoch", "metric": "score", "mode": "max", "max_t": MAX_T, **more}
    )


def run(
    scheduler, make_trial, controller, number: int = 60, sign: float = 1.0, shift: float = 0.0
) -> dict[str, tuple[float, int]]:
    """Runs trials in groups of four; returns trial id to (x, epoch at which it ended)."""
    rng, ends = np.random.default_rng(3), {}
    for start in range(0, number, 4):
        group = [
            make_trial(f"t{i:03d}", {"x": float(rng.random())}) for i in range(start, start + 4)
        ]
        for trial in group:
            scheduler.on_trial_add(controller, trial)
        for epoch in range(1, MAX_T + 1):
            for trial in list(group):
                score = sign * (value(trial.config["x"], epoch) + shift)
                decision = scheduler.on_trial_result(
                    controller, trial, {"epoch": epoch, "score": score}
                )
                ends[trial.trial_id] = (trial.config["x"], epoch)
                if decision == "STOP":
                    group.remove(trial)
                    scheduler.on_trial_complete(controller, trial, {})
    return ends


@pytest.mark.parametrize("grace_period", [1, 3])
@pytest.mark.parametrize("reduction_factor", [2, 3])
def test_without_finished_curves_it_decides_as_rays_asha(
    grace_period, reduction_factor, make_trial, controller
):
    common = {
        "time_attr": "epoch",
        "metric": "score",
        "mode": "max",
        "max_t": MAX_T,
        "grace_period": grace_period,
    }
    ours = run(
        make(grace_period=grace_period, reduction_factor=reduction_factor, stop_below=0),
        make_trial,
        controller,
        number=40,
    )
    rays = run(
        ASHAScheduler(**common, reduction_factor=reduction_factor),
        make_trial,
        controller,
        number=40,
    )
    assert ours == rays


def test_the_prior_saves_epochs_and_keeps_the_best(make_trial, controller):
    plain = run(make(), make_trial, controller)
    informed = run(make(prior=prior()), make_trial, controller)
    best = max(informed, key=lambda trial_id: informed[trial_id][0])
    assert informed[best][1] == MAX_T
    assert sum(end for _, end in informed.values()) < 0.8 * sum(end for _, end in plain.values())


def test_a_trial_stopped_for_nan_is_no_rival_any_more(make_trial, controller):
    scheduler = make(prior=prior(), grace_period=3)
    trials = {"diverges": make_trial("diverges", {"x": 0.9}), "b": make_trial("b", {"x": 0.5})}
    for trial in trials.values():
        scheduler.on_trial_add(controller, trial)
    for name, epoch, score in (
        ("diverges", 1, value(0.9, 1)),
        ("diverges", 2, value(0.9, 2)),
        ("b", 1, value(0.5, 1)),
    ):
        scheduler.on_trial_result(controller, trials[name], {"epoch": epoch, "score": score})
    assert scheduler._forecasts.win_probability("b")[1] == "diverges"
    decision = scheduler.on_trial_result(
        controller, trials["diverges"], {"epoch": 3, "score": math.nan}
    )
    assert decision == "STOP"
    assert scheduler.stopped["diverges"] == (3, "score is not finite")
    assert scheduler._forecasts.win_probability("b") == (1.0, None)


def test_no_trial_is_stopped_in_its_grace_period(make_trial, controller):
    ends = run(make(prior=prior(), grace_period=5), make_trial, controller)
    assert min(end for _, end in ends.values()) >= 5


def test_every_stop_says_why(make_trial, controller):
    scheduler = make(prior=prior())
    run(scheduler, make_trial, controller)
    reasons = [reason for _, reason in scheduler.stopped.values()]
    assert all(
        reason.startswith(("extrapolated: ends above trial", "rung", "full length"))
        for reason in reasons
    )
    assert any(reason.startswith("extrapolated") for reason in reasons)


@pytest.mark.parametrize(
    ("mode", "better", "worse"),
    [("max", -1.0, -2.0), ("max", 2.0, -1.0), ("min", -2.0, -1.0), ("min", -1.0, 2.0)],
)
def test_reasons_give_values_as_they_were_reported(mode, better, worse, make_trial, controller):
    scheduler = make(mode=mode)
    for trial_id, score in (("a", better), ("b", worse)):
        scheduler.on_trial_add(controller, make_trial(trial_id))
        scheduler.on_trial_result(controller, make_trial(trial_id), {"epoch": 1, "score": score})
    assert (
        f"rung 1: {worse:g} is not among the best 1/3 (cut at {better:g})"
        in scheduler.stopped["b"][1]
    )


@pytest.mark.parametrize(("mode", "sign"), [("max", 1.0), ("min", -1.0)])
def test_reasons_give_forecasts_in_the_metrics_sign(mode, sign, make_trial, controller):
    """All values are negative with "max", and positive with "min"."""
    earlier = prior(shift=-5.0).assign(score=lambda frame: sign * frame["score"])
    scheduler = make(prior=earlier, mode=mode, stop_below=0)
    run(scheduler, make_trial, controller, sign=sign, shift=-5.0)
    forecasts = [
        re.search(r"forecast (\S+) is .*cut at (\S+)\)", reason)
        for _, reason in scheduler.stopped.values()
    ]
    numbers = [float(number) * sign for found in forecasts if found for number in found.groups()]
    assert numbers
    assert all(-6 < number < -3 for number in numbers)


def test_a_prior_of_another_kind_is_not_trusted(make_trial, controller):
    """Rungs then decide as plain ASHA, and the reasons say so."""
    scheduler = make(prior=prior(shift=5.0))
    run(scheduler, make_trial, controller, number=40)
    reasons = [
        reason for _, reason in scheduler.stopped.values() if not reason.startswith("full length")
    ]
    assert reasons
    assert all("plain ASHA: " in reason for reason in reasons)
    assert any("not like those learnt from" in reason for reason in reasons)


def test_falling_metrics_are_mirrored(make_trial, controller):
    falling = prior().assign(score=lambda frame: -frame["score"])
    up = run(make(prior=prior()), make_trial, controller)
    down = run(make(prior=falling, mode="min"), make_trial, controller, sign=-1.0)
    assert up == down


@pytest.mark.parametrize("before", [0, -1])
def test_a_report_before_training_stops_no_trial_and_is_not_in_the_curve(
    before, make_trial, controller
):
    """Nor does it change whether forecasts are trusted."""
    rows = prior()
    scheduler, without = (
        make(prior=pd.concat([rows[rows["epoch"] == 1].assign(epoch=before, score=-3.0), rows])),
        make(prior=rows),
    )
    trials = [make_trial(f"t{index}", {"x": index / 12}) for index in range(12)]
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
        without.on_trial_add(controller, trial)
        assert (
            scheduler.on_trial_result(controller, trial, {"epoch": before, "score": -3.0})
            == "CONTINUE"
        )
    for trial in trials:
        for epoch in (1, 2):
            result = {"epoch": epoch, "score": value(trial.config["x"], epoch)}
            decision = scheduler.on_trial_result(controller, trial, result)
            assert decision == without.on_trial_result(controller, trial, result)
            assert scheduler.get_state()["forecasts"] == without.get_state()["forecasts"]
    assert scheduler.stopped == without.stopped


def test_a_space_encodes_nested_configs(make_trial, controller):
    space = SearchSpace(ConfigurationSpace({"x": (0.0, 1.0)}))
    scheduler = make(prior=prior().rename(columns={"x": "arch.x"}), space=space)
    for index in range(12):
        trial = make_trial(f"t{index}", {"arch": {"x": index / 12}, "lr": 0.1})
        scheduler.on_trial_add(controller, trial)
        scheduler.on_trial_result(controller, trial, {"epoch": 1, "score": value(index / 12, 1)})
    expected = scheduler.get_state()["forecasts"]["expected"]
    assert expected["t11"] > expected["t1"]


def test_a_restore_that_loses_finished_trials_may_leave_too_few_for_a_fit(make_trial, controller):
    """All is then as before the first fit, until enough trials have finished again."""
    first, trials = (
        make(grace_period=MAX_T),
        [make_trial(f"t{index:03d}", {"x": index / 22}) for index in range(22)],
    )
    for trial in trials[:20]:
        first.on_trial_add(controller, trial)
        for epoch in range(1, MAX_T + 1):
            first.on_trial_result(
                controller, trial, {"epoch": epoch, "score": value(trial.config["x"], epoch)}
            )
    first.on_trial_add(controller, trials[20])
    first.on_trial_result(controller, trials[20], {"epoch": 1, "score": 0.1})
    assert len(first.get_state()["forecasts"]["fitted_on"]) == 20
    second = make(grace_period=MAX_T)
    second.set_state(first.get_state())
    for trial in trials[1:]:
        second.on_trial_add(controller, trial)
    assert second.on_trial_result(controller, trials[20], {"epoch": 2, "score": 0.2}) == "CONTINUE"
    state, empty = second.get_state()["forecasts"], make().get_state()["forecasts"]
    for part in ("fitted_on", "surprises", "expected", "contenders"):
        assert state[part] == empty[part]
    second.on_trial_result(controller, trials[20], {"epoch": MAX_T, "score": 0.9})
    second.on_trial_result(controller, trials[21], {"epoch": 1, "score": 0.1})
    assert len(second.get_state()["forecasts"]["fitted_on"]) == 20


@pytest.mark.parametrize(
    ("argument", "bad", "message"),
    [
        ("stop_below", 0.5, "stop_below must be a finite number >= 0 and < 0.5"),
        ("grace_period", 0, "grace_period must be in"),
        ("grace_period", 100, "grace_period must be in"),
        ("reduction_factor", 1, "reduction_factor must be a finite number > 1"),
        ("max_t", -1, "max_t must be a finite number > 0"),
        ("mode", "best", "mode must be 'min' or 'max'"),
        ("time_attr", "", "time_attr must be the name"),
    ],
)
def test_arguments_that_break_a_rule(argument, bad, message):
    with pytest.raises(ValueError, match=message):
        make(**{argument: bad})


def test_a_missing_metric_is_an_error_before_the_first_trial(make_trial, controller):
    with pytest.raises(ValueError, match="has no metric"):
        LearningCurveASHA(time_attr="epoch", max_t=9).on_trial_add(controller, make_trial("a"))


def test_a_prior_without_its_columns_is_an_error(make_trial, controller):
    with pytest.raises(ValueError, match="needs a column 'score'"):
        make(prior=prior().rename(columns={"score": "accuracy"})).on_trial_add(
            controller, make_trial("a")
        )


def test_a_prior_that_is_too_short_is_an_error(make_trial, controller):
    with pytest.raises(ValueError, match="reaches max_t"):
        make(prior=prior(), max_t=100).on_trial_add(controller, make_trial("a"))
