"""What every scheduler must do."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from ray import cloudpickle
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

from ray_nas.schedulers import LearningCurveASHA, MultiObjectiveASHA, Resumable

MAX_T = 27


def value(x: float, epoch: float) -> float:
    return x * (1 - math.exp(-epoch / 6)) + 0.02 * math.sin(50 * x + epoch)


def prior() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"trial": i, "x": i / 40, "epoch": t, "score": value(i / 40, t)}
            for i in range(40)
            for t in range(1, MAX_T + 1)
        ]
    )


SCHEDULERS = {
    "plain": lambda: LearningCurveASHA(time_attr="epoch", metric="score", mode="max", max_t=MAX_T),
    "falling": lambda: LearningCurveASHA(time_attr="epoch", metric="cost", mode="min", max_t=MAX_T),
    "with prior": lambda: LearningCurveASHA(
        time_attr="epoch", metric="score", mode="max", max_t=MAX_T, prior=prior()
    ),
    "several": lambda: MultiObjectiveASHA(
        time_attr="epoch",
        objectives={"score": "max", "cost": "min"},
        max_t=MAX_T,
        constraints={"score": (0.05, None)},
    ),
    "ray's ASHA": lambda: Resumable(
        ASHAScheduler(
            time_attr="epoch",
            metric="score",
            mode="max",
            max_t=MAX_T,
            grace_period=1,
            reduction_factor=3,
        )
    ),
    "ray's median": lambda: Resumable(
        MedianStoppingRule(
            time_attr="epoch", metric="score", mode="max", grace_period=1, min_samples_required=3
        )
    ),
}
OURS = ("plain", "falling", "with prior", "several")


def events(number: int = 60, workers: int = 4, seed: int = 0) -> list[tuple[str, dict, dict]]:
    """(trial id, config, result) of full-length trials, in the order of parallel workers."""
    rng = np.random.default_rng(seed)
    found = []
    for start in range(0, number, workers):
        xs = {f"t{i:03d}": float(rng.random()) for i in range(start, start + workers)}
        for epoch in range(1, MAX_T + 1):
            found += [
                (i, {"x": x}, {"epoch": epoch, "score": value(x, epoch), "cost": -value(x, epoch)})
                for i, x in xs.items()
            ]
    return found


class Run:
    """Passes events to a scheduler; a stopped trial reports nothing more."""

    def __init__(self, scheduler, make_trial, controller):
        self.scheduler, self.make_trial, self.controller = scheduler, make_trial, controller
        self.trials, self.decisions = {}, {}

    def feed(self, some):
        for trial_id, config, result in some:
            if trial_id not in self.trials:
                self.trials[trial_id] = self.make_trial(trial_id, config)
                self.scheduler.on_trial_add(self.controller, self.trials[trial_id])
            if self.decisions.get(trial_id, ("CONTINUE", 0))[0] == "STOP":
                continue
            trial = self.trials[trial_id]
            decision = self.scheduler.on_trial_result(self.controller, trial, result)
            trial.last_result = result
            self.decisions[trial_id] = (decision, result["epoch"])
            if decision == "STOP":
                self.scheduler.on_trial_complete(self.controller, trial, result)
        return self


@pytest.fixture(params=SCHEDULERS)
def name(request):
    return request.param


@pytest.fixture
def make_run(make_trial, controller):
    return lambda scheduler: Run(scheduler, make_trial, controller)


def test_it_stops_bad_trials_and_keeps_the_best(name, make_run):
    run = make_run(SCHEDULERS[name]()).feed(events())
    ends = {trial_id: epoch for trial_id, (_, epoch) in run.decisions.items()}
    best = max(run.trials, key=lambda trial_id: value(run.trials[trial_id].config["x"], MAX_T))
    assert ends[best] == MAX_T
    assert sum(ends.values()) < 0.7 * len(ends) * MAX_T


def test_a_restored_one_continues_as_if_unbroken(name, make_run):
    """Restored from JSON in the middle of a run: same decisions and state as without a break."""
    everything = events()
    half = len(everything) // 2 + 7
    unbroken = make_run(SCHEDULERS[name]()).feed(everything)
    first = make_run(SCHEDULERS[name]()).feed(everything[:half])
    state = json.loads(json.dumps(first.scheduler.get_state(), allow_nan=False))
    second = make_run(SCHEDULERS[name]())
    second.scheduler.set_state(state)
    for trial in first.trials.values():
        second.scheduler.on_trial_add(second.controller, trial)
    second.trials, second.decisions = dict(first.trials), dict(first.decisions)
    second.feed(everything[half:])
    assert second.decisions == unbroken.decisions
    assert json.dumps(second.scheduler.get_state(), sort_keys=True) == json.dumps(
        unbroken.scheduler.get_state(), sort_keys=True
    )


def test_trials_that_are_not_added_again_are_removed(name, make_run):
    everything = events()
    first = make_run(SCHEDULERS[name]()).feed(everything[:600])
    lost = {"t000", "t005", "t009"}
    second = make_run(SCHEDULERS[name]())
    second.scheduler.set_state(first.scheduler.get_state())
    for trial_id, trial in first.trials.items():
        if trial_id not in lost:
            second.scheduler.on_trial_add(second.controller, trial)
    second.scheduler.choose_trial_to_run(second.controller)
    state = second.scheduler.get_state()
    if name.startswith("ray"):
        assert not any(call[1] in lost for call in state["calls"])
    else:
        assert not lost & (state["reached"].keys() | state["stopped"].keys())
        assert all(not lost & record.keys() for _, record in state["rungs"])


def test_stopped_trials_that_are_queued_again_are_ended(name, make_run):
    first = make_run(SCHEDULERS[name]()).feed(events()[:400])
    stopped = [
        trial_id for trial_id, (decision, _) in first.decisions.items() if decision == "STOP"
    ]
    assert stopped
    second = make_run(SCHEDULERS[name]())
    second.scheduler.set_state(first.scheduler.get_state())
    for trial in first.trials.values():
        trial.status = "PENDING"
        second.scheduler.on_trial_add(second.controller, trial)
    second.scheduler.choose_trial_to_run(second.controller)
    assert sorted(second.controller.stopped) == sorted(stopped)
    assert second.controller.search_alg.results == {
        trial_id: [first.trials[trial_id].last_result] for trial_id in stopped
    }
    trial = first.trials[stopped[0]]
    assert (
        second.scheduler.on_trial_result(
            second.controller, trial, {"epoch": 1, "score": 9.0, "cost": -9.0}
        )
        == "STOP"
    )


def test_it_can_be_pickled_into_tuner_pkl(name, make_run):
    run = make_run(SCHEDULERS[name]()).feed(events()[:300])
    copy = cloudpickle.loads(cloudpickle.dumps(run.scheduler))
    assert json.dumps(copy.get_state()) == json.dumps(run.scheduler.get_state())


@pytest.mark.parametrize("name", OURS)
def test_repeated_and_earlier_reports_decide_nothing(name, make_run):
    run = make_run(SCHEDULERS[name]()).feed(events()[:300])
    going = next(
        trial_id
        for trial_id, (decision, epoch) in run.decisions.items()
        if decision == "CONTINUE" and epoch > 3
    )
    state = run.scheduler.get_state().get("rungs")
    for epoch in (run.decisions[going][1], 1, 2, 3):
        result = {"epoch": epoch, "score": -5.0, "cost": 5.0}
        assert (
            run.scheduler.on_trial_result(run.controller, run.trials[going], result) == "CONTINUE"
        )
    assert run.scheduler.get_state().get("rungs") == state


@pytest.mark.parametrize("name", OURS)
def test_a_missing_budget_is_an_error_at_the_first_report_and_ignored_later(
    name, controller, make_trial
):
    scheduler, trial = SCHEDULERS[name](), make_trial("a", {"x": 0.5})
    scheduler.on_trial_add(controller, trial)
    with pytest.raises(
        ValueError,
        match=r"'epoch' is not in the first report of trial a, which has \['cost', 'score'\]",
    ):
        scheduler.on_trial_result(controller, trial, {"score": 0.1, "cost": 0.1})
    assert (
        scheduler.on_trial_result(controller, trial, {"epoch": 1, "score": 0.1, "cost": -0.1})
        == "CONTINUE"
    )
    assert scheduler.on_trial_result(controller, trial, {"score": 0.1, "cost": -0.1}) == "CONTINUE"


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("time", ["three", math.nan, True])
def test_a_budget_that_is_not_a_number_is_an_error(name, time, controller, make_trial):
    scheduler, trial = SCHEDULERS[name](), make_trial("a", {"x": 0.5})
    scheduler.on_trial_add(controller, trial)
    with pytest.raises(ValueError, match="must be reported as a finite number"):
        scheduler.on_trial_result(controller, trial, {"epoch": time, "score": 0.1, "cost": 0.1})


@pytest.mark.parametrize("name", OURS)
def test_a_value_that_is_not_finite_ends_the_trial(name, controller, make_trial):
    scheduler, trial = SCHEDULERS[name](), make_trial("a", {"x": 0.5})
    scheduler.on_trial_add(controller, trial)
    assert (
        scheduler.on_trial_result(
            controller, trial, {"epoch": 1, "score": math.nan, "cost": math.inf}
        )
        == "STOP"
    )
    assert "not finite" in scheduler.stopped["a"][1]


@pytest.mark.parametrize("name", OURS)
def test_a_report_may_skip_rungs(name, controller, make_trial):
    """It counts at the highest rung that it reaches; later reports count at one below each."""
    scheduler = SCHEDULERS[name]()
    trials = [make_trial(f"t{index}", {"x": 0.5}) for index in range(3)]
    for epoch, sizes in (
        (10, [0, 0, 3, 0]),
        (11, [0, 3, 3, 0]),
        (11, [0, 3, 3, 0]),
        (12, [3, 3, 3, 0]),
        (13, [3, 3, 3, 0]),
    ):
        for index, trial in enumerate(
            trials
        ):  # each is better than those before it, so that none is stopped
            if trial.trial_id not in scheduler.get_state()["reached"]:
                scheduler.on_trial_add(controller, trial)
            scheduler.on_trial_result(
                controller, trial, {"epoch": epoch, "score": index / 10, "cost": -index / 10}
            )
        assert [len(record) for _, record in scheduler.get_state()["rungs"]] == sizes


@pytest.mark.parametrize("name", OURS)
def test_the_last_report_counts_at_a_rung(name, controller, make_trial):
    """One with `done` is passed to `on_trial_complete` only. An older one does not count."""
    scheduler, trials = SCHEDULERS[name](), [make_trial(trial_id, {"x": 0.5}) for trial_id in "abc"]
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
    scheduler.on_trial_complete(controller, trials[0], {"epoch": 4, "score": 0.4, "cost": -0.4})
    scheduler.on_trial_result(controller, trials[1], {"epoch": 4, "score": 0.4, "cost": -0.4})
    scheduler.on_trial_complete(controller, trials[1], {"epoch": 4, "score": 0.4, "cost": -0.4})
    scheduler.on_trial_result(controller, trials[2], {"epoch": 4, "score": 0.4, "cost": -0.4})
    scheduler.on_trial_complete(controller, trials[2], {"epoch": 2, "score": 0.4, "cost": -0.4})
    assert [sorted(record) for _, record in scheduler.get_state()["rungs"]] == [
        ["b"],
        ["a", "b", "c"],
        [],
        [],
    ]


@pytest.mark.parametrize("name", OURS)
def test_a_state_of_another_scheduler_is_refused(name):
    with pytest.raises(ValueError, match="saved state"):
        SCHEDULERS[name]().set_state({**SCHEDULERS[name]().get_state(), "scheduler": "Other"})


@pytest.mark.parametrize("name", OURS)
def test_a_second_experiment_starts_afresh(name, make_run, make_controller):
    scheduler = SCHEDULERS[name]()
    run = make_run(scheduler)
    run.controller = make_controller(search_alg=object())
    run.feed(events()[:300])
    other = make_run(scheduler)
    other.controller = make_controller(search_alg=object())
    other.feed(events(seed=1)[:300])
    fresh = make_run(SCHEDULERS[name]()).feed(events(seed=1)[:300])
    assert scheduler.get_state() == fresh.scheduler.get_state()
