"""Nodes of different kinds, that fail and come back, on the virtual clock."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ConfigSpace as CS
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune import PlacementGroupFactory
from ray.tune.schedulers import FIFOScheduler

from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.simulation import History, VirtualCluster, simulate

SHARES = (0.1, 0.4, 0.6, 1.0, 2.0)


def space() -> CS.ConfigurationSpace:
    config_space = CS.ConfigurationSpace()
    config_space.add(CS.CategoricalHyperparameter("gpus", list(SHARES)))
    config_space.add(CS.UniformIntegerHyperparameter("x", 1, 10_000))
    return config_space


def epochs(config: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    for epoch in (1, 2, 3, 4):
        yield 10.0, {"score": epoch + config["x"] / 10_000, "epoch": epoch}


def gpus(config: dict[str, Any]) -> PlacementGroupFactory:
    return PlacementGroupFactory([{"CPU": 1, "GPU": config["gpus"]}])


def search(
    cluster: VirtualCluster | None,
    number: int = 12,
    points: list[dict[str, Any]] | None = None,
    **more: Any,
) -> History:
    return simulate(
        epochs,
        RandomSearch(space(), "score", "max", seed=0, points_to_evaluate=points),
        cluster=cluster,
        max_trials=number,
        **more,
    )


def given_shares(*shares: float) -> list[dict[str, Any]]:
    return [{"gpus": share, "x": number + 1} for number, share in enumerate(shares)]


def test_nodes_with_a_cpu_each_are_workers() -> None:
    alone, nodes = search(None, num_workers=3), search(VirtualCluster(nodes=[{"CPU": 1}] * 3))
    assert [(trial.config, trial.times) for trial in alone.trials] == [
        (trial.config, trial.times) for trial in nodes.trials
    ]
    assert alone.utilization == {}
    assert nodes.utilization == {"CPU": 1.0}


def test_shares_of_gpus_and_who_waits_for_whom() -> None:
    cluster = VirtualCluster(nodes=[{"CPU": 8, "GPU": 2}], resources=gpus)
    history = search(cluster, 6, given_shares(0.6, 0.6, 0.6, 0.4, 0.4, 2.0))
    # The third finds no GPU with 0.6 free, although 0.4 + 0.4 are; those behind it wait too.
    assert [trial.started for trial in history.trials] == [0.0, 0.0, 40.0, 40.0, 40.0, 80.0]
    assert history.seconds == 120.0
    assert history.utilization["GPU"] == pytest.approx((5 * 0.52 * 40 + 2.0 * 40) / (2 * 120))


def test_gpus_of_different_memory() -> None:
    kinds = {0.1: "T4", 1.0: "A100"}
    cluster = VirtualCluster(
        nodes=[
            {"CPU": 8, "GPU": 1, "accelerator_type:T4": 1},
            {"CPU": 8, "GPU": 1, "accelerator_type:A100": 1},
        ],
        resources=lambda config: {"GPU": 1, f"accelerator_type:{kinds[config['gpus']]}": 0.001},
    )
    history = search(cluster, 3, given_shares(1.0, 1.0, 0.1))
    assert [trial.started for trial in history.trials] == [
        0.0,
        40.0,
        40.0,
    ]  # the third waits behind the second
    history = search(replace(cluster, max_pending=2), 3, given_shares(1.0, 1.0, 0.1))
    assert [trial.started for trial in history.trials] == [0.0, 40.0, 0.0]


def test_what_fits_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'GPU': 2\.0.* fit on no node .*'gpus': 2\.0"):
        search(
            VirtualCluster(nodes=[{"CPU": 8, "GPU": 1}] * 2, resources=gpus), 1, given_shares(2.0)
        )


class Logged(FIFOScheduler):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self.calls.append("add")

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self.calls.append("error")

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self.calls.append("complete")


@pytest.mark.parametrize(
    ("frequency", "times"), [(0, [10, 20, 30, 75, 85, 95, 105]), (2, [10, 20, 30, 75, 85])]
)
def test_a_node_takes_its_trial_along_which_goes_on_from_its_checkpoint(
    frequency: int, times: list[float]
) -> None:
    cluster = VirtualCluster(
        nodes=[{"CPU": 1}], outages=[(35.0, 0)], repair_seconds=30, checkpoint_frequency=frequency
    )
    scheduler = Logged()
    searcher = RandomSearch(space(), "score", "max", seed=0)
    history = simulate(epochs, searcher, scheduler, cluster=cluster, max_trials=1)
    (trial,) = history.trials
    assert trial.times == times
    assert [result["epoch"] for result in trial.results[3:]] == (
        [3, 4] if frequency else [1, 2, 3, 4]
    )
    assert trial.results[-1]["training_iteration"] == 4
    assert (trial.status, trial.failures, trial.ended) == ("TERMINATED", 1, times[-1])
    assert scheduler.calls == ["add", "error", "add", "complete"]


def test_no_more_failures_than_allowed() -> None:
    cluster = VirtualCluster(
        nodes=[{"CPU": 1}], outages=[(5.0, 0), (15.0, 0)], repair_seconds=1, max_failures=1
    )
    (trial,) = search(cluster, 1).trials
    assert (trial.status, trial.failures, trial.ended) == ("ERROR", 2, 15.0)
    assert "its node failed" in str(trial.error)


def test_nothing_is_no_resource_and_large_bundles_come_first() -> None:
    cluster = VirtualCluster([{"CPU": 4}, {"CPU": 1}], {"CPU": 1, "GPU": 0, "memory": 0})
    assert search(cluster).utilization == {
        "CPU": pytest.approx(12 * 40 / (5 * 120))
    }  # five at a time: three rounds
    both = PlacementGroupFactory([{"CPU": 1}, {"CPU": 4}])
    assert search(replace(cluster, resources=lambda config: both)).utilization[
        "CPU"
    ] == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"CPU": 1, "GPU": 1.5}, {"CPU": float("nan")}, {"CPU": -1}])
def test_resources_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(
        ValueError,
        match="resources must be amounts of at least 0, more than one GPU in whole GPUs, got",
    ):
        search(VirtualCluster([{"CPU": 4, "GPU": 2}], wrong))


def test_a_placement_that_is_not_simulated_is_refused() -> None:
    spread = PlacementGroupFactory([{"CPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
    with pytest.raises(ValueError, match=r"other than .* got STRICT_SPREAD for"):
        search(VirtualCluster([{"CPU": 4}], lambda config: spread))


def test_nodes_that_fail_too_often_for_a_trial_to_end() -> None:
    often = VirtualCluster([{"CPU": 1}], {"CPU": 1}, mean_uptime=0.5, repair_seconds=1, seed=0)
    with pytest.raises(
        RuntimeError,
        match="lost its node 1000 times without a new checkpoint: nodes fail too often",
    ):
        search(often)
    assert all(
        trial.failures == 1_201 for trial in search(replace(often, max_failures=1_200), 1).trials
    )  # as often as was asked for


def test_a_long_training_that_gets_on_may_be_interrupted_often() -> None:
    def steps(config: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
        for step in range(2_500):
            yield 1.0, {"score": step}

    cluster = VirtualCluster(
        [{"CPU": 1}], {"CPU": 1}, mean_uptime=2.0, repair_seconds=1, checkpoint_frequency=1, seed=0
    )
    (trial,) = simulate(
        steps, RandomSearch(space(), "score", "max", seed=0), cluster=cluster, max_trials=1
    ).trials
    assert trial.last_result["score"] == 2_499
    assert trial.failures > 1_000


def test_outages_do_not_make_random_failures_more_frequent() -> None:
    def long(config: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
        for epoch in range(1, 2_001):
            yield 10.0, {"score": 0.0, "epoch": epoch}

    cluster = VirtualCluster(
        nodes=[{"CPU": 1}],
        outages=[(50.0, 0), (60.0, 0), (70.0, 0)],
        mean_uptime=50.0,
        repair_seconds=0.01,
        checkpoint_frequency=1,
        seed=0,
    )
    (trial,) = simulate(
        long, RandomSearch(space(), "score", "max", seed=0), cluster=cluster, max_trials=1
    ).trials
    assert trial.failures == pytest.approx((trial.ended or 0.0) / 50.0, rel=0.15)


def test_the_clock_ends_with_the_last_trial_whatever_fails_later() -> None:
    cluster = VirtualCluster(nodes=[{"CPU": 1}] * 2, outages=[(4_000.0, 1)])
    assert search(cluster, 2).seconds == 40.0


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    frequency=st.integers(0, 3),
    kinds=st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=4),
)
def test_random_failures_lose_nothing_and_shares_are_kept(
    seed: int, frequency: int, kinds: list[int]
) -> None:
    kinds = [2, *kinds]
    cluster = VirtualCluster(
        nodes=[{"CPU": 16, "GPU": kind} for kind in kinds],
        resources=gpus,
        mean_uptime=200.0,
        repair_seconds=20.0,
        checkpoint_frequency=frequency,
        seed=seed,
    )

    def run() -> History:
        searcher = RegularizedEvolution(
            space(), "score", "max", seed=seed, population_size=5, tournament_size=5
        )
        return simulate(
            epochs,
            searcher,
            LearningCurveASHA(time_attr="epoch", max_t=4),
            cluster=cluster,
            max_trials=25,
        )

    history = run()
    assert {trial.status for trial in history.trials} == {"TERMINATED"}
    assert len({trial.trial_id for trial in history.trials}) == 25
    assert 0 < history.utilization["GPU"] <= 1 + 1e-9
    begins = sorted(trial.started or 0.0 for trial in history.trials)
    for time in begins:
        held = sum(
            trial.config["gpus"]
            for trial in history.trials
            if (trial.started or 0) <= time < (trial.ended or 0) and not trial.failures
        )
        assert held <= sum(kinds) + 1e-9
    again = run()
    assert [(trial.config, trial.times) for trial in history.trials] == [
        (trial.config, trial.times) for trial in again.trials
    ]
