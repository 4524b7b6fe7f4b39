"""Searchers and schedulers as a record describes them."""

import re
from dataclasses import replace

import pytest
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

from ray_nas.record.events import ExperimentStarted, SchedulerStarted, SupernetStarted
from ray_nas.schedulers import LearningCurveASHA, Resumable
from ray_nas.simulation.recorded_objects import check_space, recorded_scheduler, recorded_searcher
from ray_nas.spaces import NASBench201
from ray_nas.tune_internals.scheduler_decisions import describe

SCHEDULERS = [
    ASHAScheduler("epoch", "score", "max", max_t=27, grace_period=3, reduction_factor=2),
    MedianStoppingRule("epoch", "score", "max", grace_period=2),
    Resumable(ASHAScheduler("epoch", max_t=9)),
    LearningCurveASHA(time_attr="epoch", max_t=9, stop_below=0.1),
]


def started(cells: NASBench201, **more: object) -> ExperimentStarted:
    event = ExperimentStarted(
        "RegularizedEvolution",
        cells.fingerprint,
        {"loss": "min"},
        7,
        domains=cells.domains,
        arguments={"seed": 7, "population_size": 30},
    )
    return replace(event, **more)


def test_a_searcher_has_the_recorded_arguments(cells: NASBench201) -> None:
    searcher = recorded_searcher([started(cells)], cells, None)
    assert searcher.given_arguments.values["population_size"] == 30
    assert (searcher.objectives, searcher._seed) == ({"loss": "min"}, 7)


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda one: type(one).__name__)
def test_a_scheduler_has_the_recorded_arguments(scheduler: object) -> None:
    again, reason = recorded_scheduler(describe(scheduler), None)
    assert (describe(again), reason) == (describe(scheduler), "")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"searcher": "Mine"}, r"was Mine, which is not in ray_nas.searchers: pass it, searcher="),
        (
            {"unrecorded": {"costs": "function f"}},
            r"costs \(function f\); pass the searcher, searcher=RegularizedEvolution\(space, "
            r"seed=7, population_size=30, metric='loss', mode='min', costs=\.\.\.\)",
        ),
    ],
)
def test_what_a_record_lacks_is_named(cells: NASBench201, more: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recorded_searcher([started(cells, **more)], cells, None)


def test_another_space_is_told_by_its_parameters_or_its_conditions(cells: NASBench201) -> None:
    check_space(started(cells), cells)
    with pytest.raises(ValueError, match=r"they differ in edge_0_1; pass that space"):
        check_space(started(cells), cells.fix({"edge_0_1": "none"}))
    with pytest.raises(ValueError, match=r"space is not the one that was .*: the values are equal"):
        check_space(started(cells, space="other"), cells)


def test_an_enas_controller_is_not_in_the_record(cells: NASBench201) -> None:
    supernet = SupernetStarted("a", "enas", 3, 0)
    with pytest.raises(ValueError, match="what its controller found"):
        recorded_searcher([started(cells), supernet], cells, None)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (SchedulerStarted("PopulationBasedTraining", {}), "the stops of PopulationBasedTraining"),
        (
            SchedulerStarted("LearningCurveASHA", {"max_t": 9}, {"prior": "DataFrame"}),
            r"does not hold its prior \(DataFrame\); pass scheduler",
        ),
        (describe(ASHAScheduler(max_t=27, brackets=3)), "assigns its brackets at random"),
        (describe(MedianStoppingRule(hard_stop=False)), "it pauses trials"),
    ],
)
def test_a_scheduler_that_cannot_be_made_anew_says_why(
    event: SchedulerStarted, reason: str
) -> None:
    scheduler, why = recorded_scheduler(event, None)
    assert scheduler is None
    assert re.search(reason, why)
