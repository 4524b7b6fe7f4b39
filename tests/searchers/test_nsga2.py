import json
import random
from pathlib import Path

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas import record
from ray_nas.pareto import hypervolume, ranks
from ray_nas.record.events import TrialProposed
from ray_nas.searchers import NSGA2, RandomSearch
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.simulation import NASBench201Objective, simulate
from ray_nas.spaces import NASBench201

OBJECTIVES = {"accuracy": "max", "latency_ms": "min"}


def evaluate(config: dict) -> dict[str, float]:
    heavy = sum(value == "nor_conv_3x3" for value in config.values())
    light = sum(value == "nor_conv_1x1" for value in config.values())
    pools = sum(value == "avg_pool_3x3" for value in config.values())
    return {"accuracy": heavy + 0.6 * light - 0.3 * pools, "latency_ms": 3.0 * heavy + light}


def tell(searcher: ArchitectureSearcher, name: str, config: dict) -> None:
    searcher.on_trial_complete(trial_id=name, result=evaluate(config))


def population(searcher: NSGA2, folder: Path) -> list[list]:
    searcher.save(str(folder / "state.json"))
    return json.loads((folder / "state.json").read_text())["strategy"]["population"]


def test_the_worst_by_rank_and_crowding_leaves(tmp_path: Path) -> None:
    searcher = NSGA2(
        ConfigurationSpace({"x": (0.0, 1.0)}),
        objectives={"a": "max", "b": "max"},
        population_size=3,
        seed=0,
    )
    points = [
        ("end", 0.0, 10.0),
        ("other end", 10.0, 0.0),
        ("middle", 6.0, 6.0),
        ("crowded", 6.5, 5.5),
        ("dominated", 5.0, 5.0),
    ]
    for name, a, b in points:
        searcher.suggest(name)
        searcher.on_trial_complete(trial_id=name, result={"a": a, "b": b})
    assert sorted(member[0] for member in population(searcher, tmp_path)) == [
        "end",
        "middle",
        "other end",
    ]


def test_infeasible_reports_leave_first(tmp_path: Path) -> None:
    arguments = {
        "objectives": {"a": "max", "b": "max"},
        "constraints": {"memory": (None, 8.0)},
        "population_size": 3,
    }
    searcher = NSGA2(ConfigurationSpace({"x": (0.0, 1.0)}), **arguments, seed=0)
    points = {
        "far": (9.0, 9.0, 24.0),
        "near": (8.0, 8.0, 9.0),
        "kept": (1.0, 1.0, 7.0),
        "nearer": (7.0, 7.0, 8.1),
    }
    for name, (a, b, memory) in points.items():
        searcher.suggest(name)
        searcher.on_trial_complete(trial_id=name, result={"a": a, "b": b, "memory": memory})
    assert [member[0] for member in population(searcher, tmp_path)] == ["kept", "nearer", "near"]


def test_failed_trials_stay_out(cells: NASBench201, tmp_path: Path) -> None:
    searcher = NSGA2(cells, objectives=OBJECTIVES, seed=0)
    for name, end in (
        ("a", {"error": True}),
        ("b", {"result": {"accuracy": float("nan"), "latency_ms": 1.0}}),
        ("c", {"result": {"accuracy": 1.0}}),
    ):
        searcher.suggest(name)
        searcher.on_trial_complete(trial_id=name, **end)
    assert population(searcher, tmp_path) == []
    assert searcher.suggest("d")


def test_children_come_from_the_population(cells: NASBench201, tmp_path: Path) -> None:
    searcher = NSGA2(cells, objectives=OBJECTIVES, population_size=4, seed=0)
    for number in range(40):
        tell(searcher, str(number), searcher.suggest(str(number)))
    searcher.save(str(tmp_path / "state.json"))
    proposals = [
        event for event in record.read_events(tmp_path) if isinstance(event, TrialProposed)
    ]
    assert [event.move for event in proposals[:4]] == ["random"] * 4
    moves = [event.move for event in proposals[4:]]
    assert moves.count("crossover") > 20
    assert moves.count("mutation") > 0
    assert all(
        set(event.parents) < {str(earlier) for earlier in range(int(event.trial))}
        for event in proposals[4:]
        if event.parents
    )


def test_64_in_flight_in_any_order(cells: NASBench201) -> None:
    searcher, order, live = NSGA2(cells, objectives=OBJECTIVES, seed=0), random.Random(0), {}
    proposed = []
    for number in range(400):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        proposed.append(config)
        live[str(number)] = config
        if len(live) == 64:
            name = order.choice(sorted(live))
            tell(searcher, name, live.pop(name))
    assert len({json.dumps(config, sort_keys=True) for config in proposed}) == 400
    late = np.array(
        [[evaluate(config)["accuracy"], -evaluate(config)["latency_ms"]] for config in proposed]
    )
    rank = ranks(late, np.zeros(len(late)))
    assert rank[-100:].mean() < rank[:100].mean() / 2


def test_it_misses_half_of_what_random_search_misses_of_a_real_front() -> None:
    objective, space, directions = (
        NASBench201Objective("cifar10"),
        NASBench201(),
        {"val_acc": "max", "model_size": "min"},
    )
    table = np.stack([objective.values("val_acc"), -objective.values("model_size")], axis=1)
    low, spread = table.min(axis=0), np.ptp(table, axis=0)
    whole = hypervolume((table - low) / spread, np.zeros(2))

    def missed(searcher: ArchitectureSearcher) -> float:
        history = simulate(objective, searcher, num_workers=4, max_trials=300)
        points = np.array(
            [[trial.metrics["val_acc"], -trial.metrics["model_size"]] for trial in history.trials]
        )
        return 1 - hypervolume((points - low) / spread, np.zeros(2)) / whole

    evolved = [missed(NSGA2(space, objectives=directions, seed=seed)) for seed in range(3)]
    drawn = [missed(RandomSearch(space, objectives=directions, seed=seed)) for seed in range(3)]
    assert np.mean(evolved) < np.mean(drawn) / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 1}, "population_size must be an integer >= 2, got 1"),
        ({"crossover_rate": 1.5}, r"crossover_rate must be a finite number >= 0 and <= 1, got 1.5"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str, cells: NASBench201) -> None:
    with pytest.raises(ValueError, match=message):
        NSGA2(cells, objectives=OBJECTIVES, **arguments)
