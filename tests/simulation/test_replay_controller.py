"""Events repeated one by one, and what counts as a difference."""

from ray.tune.schedulers import ASHAScheduler

from ray_nas.record.events import (
    SchedulerStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
    TrialRestarted,
)
from ray_nas.searchers import GridSearch, RandomSearch
from ray_nas.simulation.replay_controller import Difference, ReplayController
from ray_nas.spaces import NASBench201, SearchSpace


def asha() -> ASHAScheduler:
    return ASHAScheduler("epoch", "loss", "min", max_t=9, reduction_factor=2)


def proposed(cells: NASBench201, *names: str) -> list[TrialProposed]:
    twin = RandomSearch(cells, "loss", "min", seed=0)
    return [TrialProposed(name, twin.suggest(name), "random", ()) for name in names]


def controller(cells: NASBench201, scheduler: ASHAScheduler | None = None) -> ReplayController:
    return ReplayController(RandomSearch(cells, "loss", "min", seed=0), scheduler)


def test_equal_decisions_are_counted(cells: NASBench201) -> None:
    found = controller(cells, asha())
    for line, event in enumerate(
        [
            *proposed(cells, "a", "b"),
            TrialReported("a", {"loss": 1.0, "epoch": 1}),
            TrialReported("b", {"loss": 2.0, "epoch": 1}, final=True, stopped=True),
            TrialEnded("b", "completed", "rung 1"),
            TrialReported("a", {"loss": 0.5, "epoch": 2}, final=True),
            TrialEnded("a", "completed"),
        ],
        start=1,
    ):
        assert found.repeat(event, line) is None
    assert (found.proposals, found.reports, found.stops, found.ends) == (2, 2, 1, 2)


def test_differences_name_line_event_and_trial(cells: NASBench201) -> None:
    (event,) = proposed(cells, "a")
    changed = TrialProposed("a", {**event.config, "edge_0_1": "other"}, "mutation", ("x",))
    found = controller(cells).repeat(changed, 5)
    assert isinstance(found, Difference)
    assert str(found).startswith("line 5, the proposal of trial a: edge_0_1 was 'other', is now ")
    assert "move was 'mutation', is now 'random'" in found.change
    assert "parents was ['x'], is now []" in found.change


def test_an_end_that_is_judged_otherwise_differs(cells: NASBench201) -> None:
    found = controller(cells)
    found.repeat(proposed(cells, "a")[0], 1)
    found.repeat(TrialReported("a", {"loss": 1.0}), 2)
    difference = found.repeat(TrialEnded("a", "infeasible", "latency = 9"), 3)
    assert difference is not None
    assert difference.change == "it was judged infeasible, now completed ()"


def test_without_a_scheduler_the_recorded_stops_are_followed(cells: NASBench201) -> None:
    found = controller(cells)
    found.repeat(proposed(cells, "a")[0], 1)
    report = TrialReported("a", {"loss": 1.0}, final=True, stopped=True)
    assert found.repeat(report, 2) is None
    assert found.repeat(TrialEnded("a", "completed"), 3) is None
    assert (found.reports, found.ends) == (0, 1)


def test_a_scheduler_that_began_anew_has_forgotten(cells: NASBench201) -> None:
    begins = SchedulerStarted("ASHAScheduler", {})
    found = controller(cells, asha())
    events = [begins, *proposed(cells, "a", "b"), TrialReported("a", {"loss": 1.0, "epoch": 1})]
    assert [found.repeat(event, 1) for event in events] == [None] * 4
    worse = TrialReported("b", {"loss": 2.0, "epoch": 1})
    assert found.repeat(begins, 5) is None
    assert found.repeat(worse, 6) is None  # the first at its rung again


def test_trials_have_the_constants_of_param_space_too(cells: NASBench201) -> None:
    searcher = RandomSearch(cells, "loss", "min", seed=0)
    found = ReplayController(searcher, None, {"epochs": 9, "data": {"size": 3}})
    found.repeat(proposed(cells, "a")[0], 1)
    (trial,) = found.get_trials()
    assert (trial.config["epochs"], trial.config["data"]) == (9, {"size": 3})
    assert "edge_0_1" in trial.config


def test_a_search_that_ends_earlier_differs(small_space: SearchSpace) -> None:
    found = ReplayController(GridSearch(small_space, "loss", "min", seed=0), None)
    twin = GridSearch(small_space, "loss", "min", seed=0)
    number = 0
    while isinstance(config := twin.suggest(str(number)), dict):
        assert found.repeat(TrialProposed(str(number), config, "grid", ()), number) is None
        number += 1
    difference = found.repeat(TrialProposed("more", {"x": 1}, "grid", ()), number)
    assert difference is not None
    assert "now nothing is: FINISHED" in difference.change


def test_a_restarted_trial_has_its_new_id_for_the_scheduler(cells: NASBench201) -> None:
    found = controller(cells, asha())
    found.repeat(proposed(cells, "a")[0], 1)
    found.repeat(TrialReported("a", {"loss": 1.0, "epoch": 1}), 2)
    found.repeat(TrialEnded("a", "error", "it raised"), 3)
    assert found.repeat(TrialRestarted("a", "a2"), 4) is None
    assert found.repeat(TrialReported("a", {"loss": 1.0, "epoch": 1}), 5) is None
    assert found.repeat(TrialEnded("a", "completed"), 6) is None
    assert [trial.trial_id for trial in found.get_trials()] == ["a2"]
