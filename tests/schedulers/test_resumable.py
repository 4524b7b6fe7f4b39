"""What `Resumable` accepts, and what it relies on in Ray."""

import sys

import pytest
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, MedianStoppingRule

from ray_nas.schedulers import Resumable

COMMON = {"time_attr": "epoch", "metric": "score", "mode": "max"}


def test_ray_still_has_the_attributes_that_are_read():
    assert len(ASHAScheduler(**COMMON, brackets=2)._brackets) == 2
    assert MedianStoppingRule(**COMMON, hard_stop=False)._hard_stop is False


def test_schedulers_that_pause_or_draw_brackets_are_refused():
    with pytest.raises(
        TypeError, match="ASHAScheduler or a MedianStoppingRule, got HyperBandScheduler"
    ):
        Resumable(HyperBandScheduler(**COMMON))
    with pytest.raises(ValueError, match="brackets=1"):
        Resumable(ASHAScheduler(**COMMON, brackets=2))
    with pytest.raises(ValueError, match="hard_stop=True"):
        Resumable(MedianStoppingRule(**COMMON, hard_stop=False))


def test_metric_and_mode_from_tune_are_passed_on():
    scheduler = Resumable(ASHAScheduler(time_attr="epoch"))
    assert scheduler.set_search_properties("score", "max")
    assert scheduler.metric == "score"


def steps(work) -> int:
    """Bytecode instructions that `resumable.py` runs during `work()`: unlike time, exact."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.endswith("resumable.py"):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def train(scheduler, controller, trials) -> None:
    """Trials of six reports at most, each worse than the one before, so that most are stopped."""
    for number, trial in trials:
        scheduler.on_trial_add(controller, trial)
        for epoch in range(1, 7):
            result = {"epoch": epoch, "score": -number}
            if scheduler.on_trial_result(controller, trial, result) == "STOP":
                break
        scheduler.on_trial_complete(controller, trial, result)


def test_the_cost_of_a_trial_does_not_grow_with_their_number(make_trial, controller):
    scheduler = Resumable(ASHAScheduler(**COMMON, max_t=6))
    trials = [(number, make_trial(f"t{number:04d}")) for number in range(400)]
    early, between, late = trials[1:51], trials[51:350], trials[350:]
    train(scheduler, controller, trials[:1])
    early_cost = steps(lambda: train(scheduler, controller, early))
    train(scheduler, controller, between)
    assert steps(lambda: train(scheduler, controller, late)) == early_cost


def test_the_cost_of_a_restored_trial_does_not_grow_with_the_saved_calls(make_trial, controller):
    costs = []
    for number in (50, 400):
        saved = Resumable(ASHAScheduler(**COMMON, max_t=6))
        trials = [(index, make_trial(f"t{index:04d}")) for index in range(number)]
        train(saved, controller, trials)
        restored = Resumable(ASHAScheduler(**COMMON, max_t=6))
        restored.set_state(saved.get_state())
        restored.on_trial_add(controller, trials[0][1])
        last = [trial for _, trial in trials[-20:]]
        costs.append(
            steps(
                lambda last=last, restored=restored: [
                    restored.on_trial_add(controller, trial) for trial in last
                ]
            )
        )
    assert costs[1] == costs[0]
