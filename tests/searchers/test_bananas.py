import json
import math
import time
from collections.abc import Iterable
from pathlib import Path

import ConfigSpace as CS
import numpy as np
import pytest
from ray import tune

from ray_nas.estimators import GaussianProcess, log_expected_improvement
from ray_nas.pareto import hypervolume
from ray_nas.searchers import Bananas, Proposal, RandomSearch, start_from
from ray_nas.spaces import NASBench201, SearchSpace


def quality(config: dict) -> float:
    """An additive function of a cell whose best is known: 3 x 3 convolutions into the output,
    skips elsewhere.
    """
    return float(
        sum(
            value == ("nor_conv_3x3" if edge.endswith("3") else "skip_connect")
            for edge, value in config.items()
        )
    )


def search(searcher: Bananas, trials: int, flying: int = 1, name: str = "") -> list[float]:
    """The values in the order of completion, with so many in flight."""
    queue, values = [], []
    for number in range(trials + flying - 1):
        queue.append((f"{name}{number}", searcher.suggest(f"{name}{number}")))
        if len(queue) == flying:
            trial_id, config = queue.pop(0)
            values.append(quality(config))
            searcher.on_trial_complete(trial_id=trial_id, result={"score": values[-1]})
    return values


def test_it_finds_the_best_cell_in_few_trials(cells: NASBench201) -> None:
    for seed in range(2):
        assert max(search(Bananas(cells, "score", "max", seed=seed), 45)) == 6.0


def test_before_any_result_larger_networks_come_first_and_differ(cells: NASBench201) -> None:
    searcher, rng = Bananas(cells, "score", "max", seed=0), np.random.default_rng(0)
    proposed = [searcher.suggest(str(number)) for number in range(12)]
    counts = [cells.parameter_count(config) for config in proposed]
    random = [cells.parameter_count(config) for config in cells.sample(size=40, random_state=rng)]
    assert np.median(counts) > np.quantile(random, 0.7)
    assert len({cells.canonical(config) for config in proposed}) == 12


def test_the_first_wave_costs_no_more_than_random_draws(cells: NASBench201) -> None:
    """With 64 workers, a wave of the largest networks would cost several times as much as a
    random one.
    """
    random = np.array(
        [
            cells.parameter_count(config)
            for config in cells.sample(size=320, random_state=np.random.default_rng(0))
        ]
    )
    searcher = Bananas(cells, "score", "max", seed=0)
    counts = [cells.parameter_count(searcher.suggest(str(number))) for number in range(64)]
    assert random.min() <= min(counts)
    assert max(counts) <= random.max()
    assert np.mean(counts) == pytest.approx(random.mean(), rel=0.25)


def test_random_draws_that_are_left_survive_a_restore(cells: NASBench201, tmp_path: Path) -> None:
    searcher, restored = (
        Bananas(cells, "score", "max", seed=0),
        Bananas(cells, "score", "max", seed=1),
    )
    for number in range(10):
        searcher.suggest(str(number))
    searcher.save(str(tmp_path / "state.json"))
    restored.restore(str(tmp_path / "state.json"))
    wave = [searcher.suggest(str(number)) for number in range(10, 40)]
    assert [restored.suggest(str(number)) for number in range(10, 40)] == wave


def test_a_belief_that_is_wrong_is_given_up(cells: NASBench201) -> None:
    searcher, best = Bananas(cells, "loss", "min", seed=0), math.inf
    for number in range(30):
        config = searcher.suggest(str(number))
        loss = cells.parameter_count(config)
        best = min(best, loss)
        searcher.on_trial_complete(trial_id=str(number), result={"loss": loss})
    smallest = cells.parameter_count(dict.fromkeys(cells.config_space, "none"))
    assert best == smallest


def test_ranks_on_another_task_are_where_it_starts(cells: NASBench201, tmp_path) -> None:
    earlier = [
        (config, {"other": quality(config) ** 3})
        for config in cells.sample(size=60, random_state=np.random.default_rng(3))
    ]
    searcher = start_from(
        Bananas(cells, "score", "max", seed=0),
        earlier,
        same_task=False,
        best_first=0,
        objectives={"other": "max"},
    )
    first = [searcher.suggest(str(number)) for number in range(6)]
    assert np.mean([quality(config) for config in first]) > 3.0  # 1.2 at random
    searcher.save(str(tmp_path / "state.json"))
    again = Bananas(cells, "score", "max", seed=5)
    again.restore(str(tmp_path / "state.json"))
    assert again.suggest("next") == searcher.suggest("next")


def test_many_in_flight_spread_out(cells: NASBench201) -> None:
    searcher = Bananas(cells, "score", "max", seed=0)
    search(searcher, 20)
    configs = [searcher.suggest(f"flying {number}") for number in range(30)]
    distances = [
        sum(a[name] != b[name] for name in a) for i, a in enumerate(configs) for b in configs[:i]
    ]
    assert np.mean(distances) > 2.5
    at_random = cells.sample(size=200, random_state=np.random.default_rng(0))
    assert (
        np.mean([quality(config) for config in configs])
        > np.mean([quality(config) for config in at_random]) + 0.5
    )


def accuracy_and_latency(config: dict) -> dict[str, float]:
    """Like NAS-Bench-201 on a device: cells that no path runs through are the fastest of all,
    and worth nothing.
    """
    alive = {edge for edge, value in config.items() if value != "none"}
    paths = [
        {"edge_0_3"},
        {"edge_0_1", "edge_1_3"},
        {"edge_0_2", "edge_2_3"},
        {"edge_0_1", "edge_1_2", "edge_2_3"},
    ]
    jitter = 0.4 * float(np.random.default_rng([len(value) for value in config.values()]).random())
    if not any(path <= alive for path in paths):
        return {"accuracy": 0.1, "latency_ms": 0.5 + jitter}
    worth = {
        "none": 0.0,
        "skip_connect": 0.5,
        "avg_pool_3x3": 0.2,
        "nor_conv_1x1": 1.0,
        "nor_conv_3x3": 1.5,
    }
    costs = {
        "none": 0.0,
        "skip_connect": 0.1,
        "avg_pool_3x3": 0.35,
        "nor_conv_1x1": 0.9,
        "nor_conv_3x3": 0.9,
    }
    accuracy = 0.92 - 0.3 * math.exp(-0.6 * sum(worth[value] for value in config.values()))
    return {
        "accuracy": accuracy,
        "latency_ms": 1.2 + sum(costs[value] for value in config.values()) + jitter,
    }


def test_of_two_objectives_it_misses_less_than_half_of_what_random_search_misses(
    cells: NASBench201,
) -> None:
    def values(configs: Iterable[dict]) -> np.ndarray:
        return np.array(
            [
                [point["accuracy"], -point["latency_ms"]]
                for point in map(accuracy_and_latency, configs)
            ]
        )

    everything = values(cells.grid())
    low, spread = everything.min(axis=0), np.ptp(everything, axis=0)

    def volume(points: np.ndarray) -> float:
        return hypervolume((points - low) / spread, np.zeros(2))

    def missed(kind: type) -> float:
        shares = []
        for seed in range(2):
            searcher, configs = (
                kind(cells, objectives={"accuracy": "max", "latency_ms": "min"}, seed=seed),
                [],
            )
            for number in range(100):
                configs.append(searcher.suggest(str(number)))
                searcher.on_trial_complete(
                    trial_id=str(number), result=accuracy_and_latency(configs[-1])
                )
            shares.append(volume(values(configs)) / volume(everything))
        return 1.0 - float(np.mean(shares))

    assert missed(Bananas) < 0.5 * missed(RandomSearch)


def test_a_trial_in_flight_lowers_what_is_expected_of_its_like(
    cells: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    posteriors = []
    condition = GaussianProcess.condition

    def noted(*arguments):
        posteriors.append(condition(*arguments))
        return posteriors[-1]

    monkeypatch.setattr(GaussianProcess, "condition", noted)
    searcher = Bananas(cells, "score", "max", seed=0)
    best = max(search(searcher, 12))
    first = searcher.suggest("a")  # decided with nothing in flight
    searcher.suggest("b")  # decided with the first in flight
    alike = np.array(
        [cells.features(cells.mutate(first, np.random.default_rng(seed))) for seed in range(20)]
    )
    free, busy = (
        log_expected_improvement(*posterior.predict(alike), best) for posterior in posteriors[-2:]
    )
    assert (busy < free).all()


def staged(config: dict, epoch: int) -> float:
    return quality(config) + 0.5 * epoch


def test_trials_that_were_stopped_early_teach(cells: NASBench201) -> None:
    """Two of three trials end after the first of nine epochs; what they said there must be worth
    having.
    """
    found = []
    for seed in range(3):
        searcher = Bananas(cells, "score", "max", seed=seed, time_attr="epoch")
        best = 0.0
        for number in range(60):
            config = searcher.suggest(str(number))
            for epoch in (1, 3, 9):
                result = {"score": staged(config, epoch), "epoch": epoch, "done": epoch == 9}
                if epoch == 9 or (epoch == 1 and number % 3):
                    searcher.on_trial_complete(trial_id=str(number), result=result)
                    break
                searcher.on_trial_result(trial_id=str(number), result=result)
            best = max(best, quality(config))
        found.append(best)
    assert min(found) == 6.0


def test_a_report_of_a_trial_in_flight_counts(cells: NASBench201) -> None:
    proposals = []
    for report in (False, True):
        searcher = Bananas(cells, "score", "max", seed=0)
        search(searcher, 15)
        config = searcher.suggest("running")
        if report:
            searcher.on_trial_result(
                trial_id="running", result={"score": -50.0, "training_iteration": 1}
            )
        proposals.append((config, searcher.suggest("next")))
    assert proposals[0][0] == proposals[1][0]
    assert proposals[0][1] != proposals[1][1]


def test_a_retried_trial_does_not_go_back_in_time(cells: NASBench201) -> None:
    searcher = Bananas(cells, "score", "max", seed=0)
    searcher.suggest("a")
    for epoch, score in ((1, 0.1), (2, 0.2), (1, 0.3)):
        searcher.on_trial_result(trial_id="a", result={"score": score, "training_iteration": epoch})
    searcher.on_trial_complete(trial_id="a", result={"score": 0.4})
    assert searcher._results.curves == {"a": [(1.0, 0.4)]}


def test_failures_are_avoided() -> None:
    space = CS.ConfigurationSpace({"op": ["good", "broken"], "x": (0.0, 1.0), "y": (0.0, 1.0)})
    searcher, broken = Bananas(space, "loss", "min", seed=0), 0
    for number in range(40):
        config = searcher.suggest(str(number))
        if config["op"] == "broken":
            broken += 1
            searcher.on_trial_complete(trial_id=str(number), error=True)
        else:
            searcher.on_trial_complete(
                trial_id=str(number),
                result={"loss": (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2},
            )
    assert broken < 12


def test_a_space_joint_with_tune_domains_comes_near_its_optimum(cells: NASBench201) -> None:
    searcher = Bananas(seed=0)
    space = {
        "arch": cells,
        "lr": tune.loguniform(1e-5, 1.0),
        "decay": tune.loguniform(1e-6, 1e-1),
        "note": 1,
    }
    assert searcher.set_search_properties("score", "max", space)
    best = -math.inf
    for number in range(70):
        config = searcher.suggest(str(number))
        value = (
            quality(config["arch"])
            - (math.log10(config["lr"]) + 2.0) ** 2
            - 0.5 * (math.log10(config["decay"]) + 4.0) ** 2
        )
        searcher.on_trial_complete(trial_id=str(number), result={"score": value})
        best = max(best, value)
    assert best > 5.8


def test_constraints_on_costs_hold_and_the_search_goes_on(cells: NASBench201) -> None:
    def costs(config: dict) -> dict[str, float]:
        return {"convs": sum(value.startswith("nor_conv") for value in config.values())}

    searcher = Bananas(cells, "score", "max", seed=0, costs=costs, constraints={"convs": (None, 2)})
    values = []
    for number in range(40):
        config = searcher.suggest(str(number))
        assert costs(config)["convs"] <= 2
        values.append(quality(config))
        searcher.on_trial_complete(trial_id=str(number), result={"score": values[-1]})
    assert max(values) == 5.0


def timed(searcher: Bananas, trial_id: str) -> float:
    start = time.process_time()
    searcher.suggest(trial_id)
    return time.process_time() - start


def test_a_decision_at_300_and_at_2000_observations_takes_alike(cells: NASBench201) -> None:
    searcher = Bananas(cells, "score", "max", seed=0)
    rng = np.random.default_rng(0)
    configs = [cells.sample(random_state=rng) for _ in range(2_000)]
    # Process time, the quickest of five: other work on the machine does not count
    seconds = {}
    for number, config in enumerate(configs):
        searcher.ledger.propose(str(number), Proposal(config, "given", key=str(number)))
        searcher.ledger.end(str(number), "completed")
        value = quality(config) + 0.01 * float(rng.normal())
        searcher._results.report(str(number), 1.0, (value,))
        if number + 1 in (300, 2_000):
            searcher.suggest(f"warm {number}")
            seconds[number + 1] = min(
                timed(searcher, f"timed {number} {repeat}") for repeat in range(5)
            )
    assert seconds[2_000] < 5.0 * seconds[300]


def test_state_is_plain_json_and_small(cells: NASBench201, tmp_path) -> None:
    searcher = Bananas(cells, "score", "max", seed=0)
    search(searcher, 10)
    searcher.save(str(tmp_path / "state.json"))
    strategy = json.loads((tmp_path / "state.json").read_text())["strategy"]
    assert sorted(strategy) == [
        "curves",
        "drawn",
        "failed",
        "fitted_at",
        "hyperparameters",
        "ranks",
        "violations",
    ]
    assert len(strategy["hyperparameters"]) == len(cells.features(cells.sample(random_state=0))) + 2


def test_features_of_a_cell_see_its_function_alone(cells: NASBench201) -> None:
    names = ["edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"]
    dead = dict(
        zip(
            names,
            ["none", "none", "none", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1"],
            strict=True,
        )
    )
    other = {**dead, "edge_1_2": "nor_conv_3x3"}
    np.testing.assert_array_equal(cells.features(dead), cells.features(other))
    assert not np.array_equal(
        cells.features(dead), cells.features({**dead, "edge_0_3": "nor_conv_1x1"})
    )


def test_features_default_to_the_code(mixed_space: SearchSpace) -> None:
    config = mixed_space.sample(random_state=0)
    np.testing.assert_array_equal(mixed_space.features(config), mixed_space.encode(config))


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="initial_trials must be an integer >= 2, got 1"):
        Bananas(NASBench201(2, 1), initial_trials=1)
