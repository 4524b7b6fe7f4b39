"""Promotion by fronts and crowding, constraints first."""

import pytest

from ray_nas.schedulers import MultiObjectiveASHA


def test_both_ends_of_the_front_go_on(make_trial, controller):
    scheduler = MultiObjectiveASHA(
        time_attr="epoch", objectives={"accuracy": "max", "latency": "min"}, max_t=9, grace_period=1
    )
    decisions = {}
    points = {
        "bad1": (0.1, 9.0),
        "bad2": (0.2, 8.0),
        "bad3": (0.15, 9.5),
        "accurate": (0.9, 7.0),
        "fast": (0.3, 1.0),
        "bad4": (0.1, 9.4),
    }
    for name, (accuracy, latency) in points.items():
        trial = make_trial(name)
        scheduler.on_trial_add(controller, trial)
        decisions[name] = scheduler.on_trial_result(
            controller, trial, {"epoch": 1, "accuracy": accuracy, "latency": latency}
        )
    assert decisions["accurate"] == decisions["fast"] == "CONTINUE"
    assert decisions["bad3"] == decisions["bad4"] == "STOP"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"objectives": {}}, "at least one"),
        ({"objectives": {"a": "up"}}, r"objectives\['a'\] must be 'min' or 'max'"),
        ({"constraints": {"a": (2, 1)}}, r"constraints\['a'\] must have low <= high"),
    ],
)
def test_arguments_that_break_a_rule(more, message):
    with pytest.raises(ValueError, match=message):
        MultiObjectiveASHA(**{"time_attr": "epoch", "objectives": {"a": "max"}, "max_t": 9, **more})
