import math
import time
from collections.abc import Iterator

import ConfigSpace as CS
import numpy as np
import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    TrialScheduler,
)
from ray.tune.schedulers.hb_bohb import HyperBandForBOHB
from ray.tune.search import ConcurrencyLimiter, Searcher

from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.simulation import simulate
from ray_nas.simulation.virtual_controller import VirtualController
from ray_nas.simulation.virtual_trial import VirtualTrial
from ray_nas.spaces import NASBench201

Calls = list[tuple]


@pytest.fixture(scope="module")
def unit() -> CS.ConfigurationSpace:
    return CS.ConfigurationSpace({"x": (0.0, 1.0)}, seed=0)


def epochs(config: dict, number: int = 4) -> Iterator[tuple[float, dict]]:
    for epoch in range(1, number + 1):
        yield 10.0 * (1 + config["x"]), {"score": config["x"] * epoch, "epoch": epoch}


class Logged(Searcher):
    """Proposes given values of x and notes all calls."""

    def __init__(self, values: list[float | None], calls: Calls) -> None:
        super().__init__(metric="score", mode="max")
        self.values, self.calls = values, calls

    def suggest(self, trial_id: str) -> dict | str | None:
        self.calls.append(("suggest", trial_id))
        if not self.values:
            return Searcher.FINISHED
        value = self.values.pop(0)
        return None if value is None else {"x": value}

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        self.calls.append(
            ("searcher.result", trial_id, result["training_iteration"], result["done"])
        )

    def on_trial_complete(
        self, trial_id: str, result: dict | None = None, error: bool = False
    ) -> None:
        self.calls.append(
            (
                "searcher.complete",
                trial_id,
                result and (result["training_iteration"], result["done"]),
                error,
            )
        )


class Decides(FIFOScheduler):
    """Answers (trial, iteration) as told, and notes all calls."""

    def __init__(self, decisions: dict[tuple[str, int], str], calls: Calls) -> None:
        super().__init__()
        self.decisions, self.calls = decisions, calls

    def on_trial_add(self, tune_controller: VirtualController, trial: VirtualTrial) -> None:
        self.calls.append(("scheduler.add", trial.trial_id))

    def on_trial_result(
        self, tune_controller: VirtualController, trial: VirtualTrial, result: dict
    ) -> str:
        self.calls.append(
            (
                "scheduler.result",
                trial.trial_id,
                result["training_iteration"],
                trial.last_result.get("training_iteration"),
            )
        )
        return self.decisions.get(
            (trial.trial_id, result["training_iteration"]), TrialScheduler.CONTINUE
        )

    def on_trial_complete(
        self, tune_controller: VirtualController, trial: VirtualTrial, result: dict
    ) -> None:
        self.calls.append(
            ("scheduler.complete", trial.trial_id, result.get("training_iteration"), trial.status)
        )

    def on_trial_error(self, tune_controller: VirtualController, trial: VirtualTrial) -> None:
        self.calls.append(("scheduler.error", trial.trial_id, trial.status))

    def on_trial_remove(self, tune_controller: VirtualController, trial: VirtualTrial) -> None:
        self.calls.append(("scheduler.remove", trial.trial_id, trial.status))


def test_calls_come_in_the_order_of_tunes_controller() -> None:
    calls: Calls = []
    scheduler = Decides({("virtual_00001", 1): TrialScheduler.STOP}, calls)
    history = simulate(lambda config: epochs(config, 2), Logged([0.0, 1.0], calls), scheduler)
    first, second, third = "virtual_00000", "virtual_00001", "virtual_00002"
    assert calls == [
        ("suggest", first),
        ("scheduler.add", first),
        ("scheduler.result", first, 1, None),
        ("searcher.result", first, 1, False),
        ("scheduler.result", first, 2, 1),  # Tune sets last_result after the scheduler's decision
        ("searcher.result", first, 2, False),
        ("scheduler.complete", first, 2, "RUNNING"),
        (
            "searcher.complete",
            first,
            (2, True),
            False,
        ),  # a function that returns: its last result once more
        ("suggest", second),
        ("scheduler.add", second),
        ("scheduler.result", second, 1, None),
        ("scheduler.complete", second, 1, "RUNNING"),
        ("searcher.complete", second, (1, True), False),  # stopped: as completion only
        ("suggest", third),
    ]
    assert [trial.status for trial in history.trials] == ["TERMINATED", "TERMINATED"]
    assert history.seconds == 2 * 10.0 + 20.0


def test_an_error_of_the_objective_is_a_failed_trial() -> None:
    def fails(config: dict) -> Iterator[tuple[float, dict]]:
        yield 1.0, {"score": 1.0}
        raise RuntimeError("out of memory")

    calls: Calls = []
    history = simulate(fails, Logged([0.0], calls), Decides({}, calls))
    assert calls[-3:-1] == [
        ("scheduler.error", "virtual_00000", "RUNNING"),
        ("searcher.complete", "virtual_00000", None, True),
    ]
    assert history.trials[0].status == "ERROR"
    assert history.seconds == 1.0
    with pytest.raises(ValueError, match=r"no trial reported a finite 'score'.*out of memory"):
        _ = history.best


def test_an_objective_that_is_no_generator_may_raise_too() -> None:
    def fails(config: dict) -> Iterator[tuple[float, dict]]:
        raise KeyError("x")

    assert isinstance(simulate(fails, Logged([0.0], [])).trials[0].error, KeyError)


def test_an_objective_that_never_works_ends_the_search(unit: CS.ConfigurationSpace) -> None:
    with pytest.raises(
        RuntimeError, match="1000 trials in a row failed at once, the last with KeyError"
    ):
        simulate(lambda config: config["y"], RandomSearch(unit, "score", "max"), max_seconds=1.0)


def test_none_waits_for_a_completion() -> None:
    calls: Calls = []
    history = simulate(
        lambda config: epochs(config, 1), Logged([0.0, None, 0.5], calls), num_workers=2
    )
    ended = ["searcher.result", "searcher.complete"]
    assert [call[0] for call in calls] == [
        "suggest",
        "suggest",
        *ended,
        "suggest",
        "suggest",
        *ended,
    ]
    assert [trial.started for trial in history.trials] == [0.0, 10.0]


def test_none_with_nothing_running_is_where_tune_hangs() -> None:
    with pytest.raises(RuntimeError, match="Logged returned None while no trial runs"):
        simulate(epochs, Logged([None], []))


def test_a_paused_trial_gives_its_worker_up_and_goes_on_where_it_was() -> None:
    calls: Calls = []
    scheduler = Decides({("virtual_00000", 1): TrialScheduler.PAUSE}, calls)
    history = simulate(lambda config: epochs(config, 2), Logged([0.0, 0.0], calls), scheduler)
    assert [trial.times for trial in history.trials] == [[10.0, 40.0], [20.0, 30.0]]
    assert history.trials[0].last_result["time_total_s"] == 20.0


class StopsTheOther(Decides):
    def on_trial_result(
        self, tune_controller: VirtualController, trial: VirtualTrial, result: dict
    ) -> str:
        for other in tune_controller.get_trials():
            if other is not trial:
                tune_controller.stop_trial(other)
        return super().on_trial_result(tune_controller, trial, result)


def test_a_scheduler_may_stop_other_trials() -> None:
    calls: Calls = []
    history = simulate(epochs, Logged([0.0, 1.0], calls), StopsTheOther({}, calls), num_workers=2)
    assert [len(trial.results) for trial in history.trials] == [4, 0]
    assert history.trials[1].ended == 10.0
    assert history.seconds == 40.0
    assert ("searcher.complete", "virtual_00001", {}, False) in calls


def test_workers_run_side_by_side_on_one_clock(unit: CS.ConfigurationSpace) -> None:
    history = simulate(
        epochs, RandomSearch(unit, "score", "max", seed=0), num_workers=3, max_trials=20
    )
    for moment in np.linspace(0.0, history.seconds, 100):
        assert sum(trial.started < moment < trial.ended for trial in history.trials) <= 3
    paid = sum(trial.last_result["time_total_s"] for trial in history.trials)
    assert paid / 3 <= history.seconds <= paid / 3 + 80.0
    for trial in history.trials:
        assert trial.ended - trial.started == pytest.approx(40.0 * (1 + trial.config["x"]))


def test_max_seconds_leaves_what_runs_unfinished(unit: CS.ConfigurationSpace) -> None:
    calls: Calls = []
    history = simulate(epochs, Logged([0.0, 0.0], calls), max_seconds=55.0)
    assert history.seconds == 55.0
    assert [(trial.status, len(trial.results)) for trial in history.trials] == [
        ("TERMINATED", 4),
        ("RUNNING", 1),
    ]
    assert ("searcher.complete", "virtual_00001") not in [call[:2] for call in calls]


def test_results_look_like_tunes() -> None:
    history = simulate(
        lambda config: iter([(2.0, {"score": 1.0, "loss": {"val": 0.5}})]), Logged([0.0], [])
    )
    assert history.trials[0].results == [
        {
            "score": 1.0,
            "loss/val": 0.5,
            "training_iteration": 1,
            "time_this_iter_s": 2.0,
            "time_total_s": 2.0,
            "trial_id": "virtual_00000",
            "done": True,
        }
    ]


def test_the_same_seeds_give_the_same_history(unit: CS.ConfigurationSpace) -> None:
    def noisy(config: dict, rng: np.random.Generator) -> Iterator[tuple[float, dict]]:
        for _ in range(3):
            yield rng.exponential(), {"score": config["x"] + rng.normal()}

    def frame(seed: int) -> dict:
        searcher = RegularizedEvolution(
            unit, "score", "max", seed=1, population_size=3, tournament_size=2
        )
        return (
            simulate(noisy, searcher, num_workers=4, max_trials=15, seed=seed).to_frame().to_dict()
        )

    assert frame(0) == frame(0)
    assert frame(0) != frame(1)


SCHEDULERS = {
    "asha": lambda: ASHAScheduler(time_attr="epoch", max_t=9, reduction_factor=3),
    "median": lambda: MedianStoppingRule(time_attr="epoch", grace_period=2),
    "median that pauses": lambda: MedianStoppingRule(
        time_attr="epoch", grace_period=2, hard_stop=False
    ),
    "hyperband": lambda: HyperBandScheduler(time_attr="epoch", max_t=9),
    "hyperband for bohb": lambda: HyperBandForBOHB(time_attr="epoch", max_t=9),
}


@pytest.mark.parametrize("limit", [None, 8])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_rays_schedulers_stop_the_bad_and_keep_the_good(
    name: str, limit: int | None, unit: CS.ConfigurationSpace
) -> None:
    searcher = RandomSearch(unit, "score", "max", seed=0)
    scheduler = SCHEDULERS[name]()
    history = simulate(
        lambda config: epochs(config, 9),
        ConcurrencyLimiter(searcher, limit) if limit else searcher,
        scheduler,
        num_workers=6,
        max_trials=40,
    )
    assert len(history.trials) == 40
    assert all(trial.status == Trial.TERMINATED for trial in history.trials)
    lengths = {trial.config["x"]: trial.last_result["epoch"] for trial in history.trials}
    assert lengths[max(lengths)] == 9
    assert history.best.config["x"] == max(lengths)
    if name != "median that pauses":
        assert sum(lengths.values()) < 0.8 * 9 * 40


def test_asha_stops_by_its_own_rule() -> None:
    history = simulate(
        lambda config: epochs(config, 4),
        Logged([1.0, 0.9, 0.1], []),
        ASHAScheduler(time_attr="epoch", max_t=4, reduction_factor=2),
    )
    assert [trial.last_result["epoch"] for trial in history.trials] == [4, 1, 1]


def test_a_schedulers_own_metric_is_kept(unit: CS.ConfigurationSpace) -> None:
    scheduler = ASHAScheduler(time_attr="epoch", metric="epoch", mode="min", max_t=9)
    simulate(epochs, RandomSearch(unit, "score", "max", seed=0), scheduler, max_trials=1)
    assert scheduler.metric == "epoch"
    scheduler = ASHAScheduler(time_attr="epoch", max_t=9)
    simulate(epochs, RandomSearch(unit, "score", "max", seed=0), scheduler, max_trials=1)
    assert scheduler.metric == "score"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "num_workers must be an integer >= 1, got 0"),
        ({"num_workers": 2.5}, "num_workers must be an integer >= 1, got 2.5"),
        ({"max_trials": float("nan")}, "max_trials must be at least 0 or None, got nan"),
        ({"max_trials": -1}, "max_trials must be at least 0 or None, got -1"),
        ({"max_seconds": math.nan}, "max_seconds must be at least 0 or None, got nan"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str, unit: CS.ConfigurationSpace) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(epochs, RandomSearch(unit, "score", "max"), **arguments)


def test_a_report_without_the_metric_is_an_error(unit: CS.ConfigurationSpace) -> None:
    with pytest.raises(ValueError, match="lacks the metric 'accuracy'"):
        simulate(epochs, RandomSearch(unit, "accuracy", "max"), max_trials=1)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_time_runs_forward(seconds: float, unit: CS.ConfigurationSpace) -> None:
    with pytest.raises(ValueError, match="finite seconds >= 0"):
        simulate(
            lambda config: iter([(seconds, {"score": 1.0})]),
            RandomSearch(unit, "score", "max"),
            max_trials=1,
        )


def test_100_000_reports_take_less_than_10_seconds() -> None:
    def objective(config: dict) -> Iterator[tuple[float, dict]]:
        for epoch in range(20):
            yield 1.0, {"score": len(config["edge_0_1"]) + epoch}

    start = time.process_time()
    history = simulate(
        objective,
        RandomSearch(NASBench201(), "score", "max", seed=0),
        num_workers=64,
        max_trials=5_000,
    )
    assert time.process_time() - start < 10.0
    assert sum(len(trial.results) for trial in history.trials) == 100_000
