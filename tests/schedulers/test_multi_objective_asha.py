"""Ranking by constraints, fronts and epsilon-net."""

import numpy as np
import pytest

from ray_nas.schedulers import MultiObjectiveASHA


def test_both_ends_of_the_front_continue(make_trial, controller):
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


def judged(scheduler, make_trial, controller, points) -> list[str]:
    """The decision on each point, in order of arrival, at the first rung."""
    decisions = []
    for index, (accuracy, latency) in enumerate(points):
        trial = make_trial(f"t{index}")
        scheduler.on_trial_add(controller, trial)
        decisions.append(
            scheduler.on_trial_result(
                controller, trial, {"epoch": 1, "accuracy": accuracy, "latency": latency}
            )
        )
    return decisions


@pytest.mark.parametrize("reduction_factor", [2, 3, 4])
def test_a_trial_that_is_the_best_so_far_in_an_objective_continues(
    reduction_factor, make_trial, controller
):
    """For every number of earlier trials, two included."""
    best = stops = 0
    for seed in range(60):
        points = np.random.default_rng(seed).random((20, 2))
        scheduler = MultiObjectiveASHA(
            time_attr="epoch",
            objectives={"accuracy": "max", "latency": "min"},
            max_t=9,
            reduction_factor=reduction_factor,
        )
        decisions = judged(scheduler, make_trial, controller, points)
        for index in range(1, 20):
            if (
                points[index, 0] > points[:index, 0].max()
                or points[index, 1] < points[:index, 1].min()
            ):
                assert decisions[index] == "CONTINUE"
                best += 1
        stops += decisions.count("STOP")
    assert best > 200
    assert stops > 300


def test_an_infeasible_trial_does_not_continue_for_being_the_best_in_an_objective(
    make_trial, controller
):
    scheduler = MultiObjectiveASHA(
        time_attr="epoch",
        objectives={"accuracy": "max", "latency": "min"},
        max_t=9,
        constraints={"latency": (None, 5)},
    )
    points = [(0.5, 3.0), (0.6, 2.0), (0.9, 6.0), (0.7, 4.9)]
    assert judged(scheduler, make_trial, controller, points)[2:] == ["STOP", "CONTINUE"]


def test_a_lone_trial_in_the_middle_of_a_front_continues(make_trial, controller):
    """One next to an end of the front is stopped."""
    ends = [(0.0, 0.0), (1.0, 10.0), (0.95, 9.4), (0.05, 0.6), (0.9, 8.8), (0.1, 1.2)]
    for point, decision in (((0.5, 5.0), "CONTINUE"), ((0.97, 9.7), "STOP")):
        scheduler = MultiObjectiveASHA(
            time_attr="epoch", objectives={"accuracy": "max", "latency": "min"}, max_t=9
        )
        assert judged(scheduler, make_trial, controller, [*ends, point])[-1] == decision
