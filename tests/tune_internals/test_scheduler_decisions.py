"""The running scheduler: arguments, stops and reasons; fails when Ray changes what is relied on."""

import inspect
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from ray_nas.schedulers import LearningCurveASHA, Resumable
from ray_nas.spaces import NASBench201
from ray_nas.tune_internals import scheduler_decisions
from ray_nas.tune_internals.scheduler_decisions import (
    describe,
    remembers,
    running_scheduler,
    watch,
)


def asha(mode: str = "max") -> ASHAScheduler:
    return ASHAScheduler("epoch", "score", mode, max_t=9, grace_period=1, reduction_factor=3)


def test_tune_run_has_a_scheduler_and_asks_it_by_this_name() -> None:
    assert "scheduler" in inspect.signature(tune.run).parameters
    assert running_scheduler() is None


def test_arguments_are_those_of_the_constructor() -> None:
    given = {"time_attr": "epoch", "metric": "score", "mode": "max"}
    found = describe(ASHAScheduler(**given, max_t=27, grace_period=3, reduction_factor=2))
    assert found.scheduler == "ASHAScheduler"
    assert found.arguments == {
        **given,
        "max_t": 27,
        "grace_period": 3,
        "reduction_factor": 2,
        "brackets": 1,
        "stop_last_trials": True,
    }
    assert set(found.arguments) == set(inspect.signature(ASHAScheduler).parameters)
    median = MedianStoppingRule(**given, grace_period=2, min_samples_required=5)
    assert set(describe(median).arguments) == set(inspect.signature(MedianStoppingRule).parameters)
    assert describe(median).arguments["min_samples_required"] == 5


def test_other_schedulers_are_described_as_far_as_known() -> None:
    ours = describe(LearningCurveASHA(time_attr="epoch", max_t=9, space=NASBench201(2, 1)))
    assert (ours.arguments["max_t"], ours.unrecorded) == (9, {"space": "NASBench201"})
    wrapped = describe(Resumable(asha()))
    assert (wrapped.scheduler, wrapped.arguments["scheduler"]) == ("Resumable", "ASHAScheduler")
    assert describe(FIFOScheduler()).arguments == {}
    foreign = PopulationBasedTraining(hyperparam_mutations={"lr": [1, 2]})
    assert describe(foreign).unrecorded == {"all arguments": "PopulationBasedTraining"}


def test_only_schedulers_with_a_state_remember() -> None:
    assert remembers(Resumable(asha()))
    assert remembers(FIFOScheduler())
    assert not remembers(asha())


def drive(scheduler: TrialScheduler, *scores: float, epoch: int = 1) -> list[str]:
    decisions = []
    for number, score in enumerate(scores):
        trial: Any = SimpleNamespace(trial_id=f"t{number}", status="RUNNING", config={})
        scheduler.on_trial_add(SimpleNamespace(), trial)
        result = {"epoch": epoch, "score": score}
        decisions.append(scheduler.on_trial_result(SimpleNamespace(), trial, result))
    return decisions


@pytest.mark.parametrize("wrap", [lambda one: one, Resumable])
@pytest.mark.parametrize(
    ("mode", "scores", "cut"), [("max", (0.5, 0.8, 0.2), "0.7"), ("min", (0.5, 0.2, 0.8), "0.3")]
)
def test_a_stop_is_told_with_its_reason(wrap: Any, mode: str, scores: tuple, cut: str) -> None:
    heard: list[tuple] = []
    scheduler = wrap(asha(mode))
    watch(scheduler, lambda *call: heard.append(call))
    assert drive(scheduler, *scores) == ["CONTINUE", "CONTINUE", "STOP"]
    ((trial_id, reason, result),) = heard
    assert (trial_id, result) == ("t2", {"epoch": 1, "score": scores[2]})
    assert reason == f"rung 1: {scores[2]:g} is not among the best 1/3 (cut at {cut})"


def test_full_length_needs_no_reason_and_a_second_watch_replaces_the_first() -> None:
    first: list[tuple] = []
    second: list[tuple] = []
    scheduler = asha()
    watch(scheduler, lambda *call: first.append(call))
    watch(scheduler, lambda *call: second.append(call))
    assert drive(scheduler, 0.1, epoch=9) == ["STOP"]
    assert (first, [call[:2] for call in second]) == ([], [("t0", "")])


def test_a_watched_scheduler_is_pickled_without_who_hears_of_it() -> None:
    scheduler = asha()
    watch(scheduler, lambda *call: None)
    again = pickle.loads(pickle.dumps(scheduler))
    assert drive(again, 0.5, 0.2) == ["CONTINUE", "STOP"]


def test_inside_of_tune_run_the_scheduler_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(scheduler: object) -> TrialScheduler | None:
        return running_scheduler()

    monkeypatch.setattr(scheduler_decisions, "_RUN", run.__code__)
    own = asha()
    assert run(own) is own
    assert run("asha") is None
