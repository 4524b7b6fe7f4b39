import math
from pathlib import Path

import pytest

from ray_nas import record
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.searchers.core.objectives import (
    Evaluation,
    Objectives,
    ViolationRanges,
    describe_limits,
)
from ray_nas.spaces import NASBench201


def convolutions(config: dict) -> dict[str, float]:
    return {"convolutions": sum(value.startswith("nor_conv") for value in config.values())}


def test_values_are_to_be_maximised() -> None:
    objectives = Objectives({"accuracy": "max", "latency_ms": "min"})
    assert objectives.evaluate({"accuracy": 0.9, "latency_ms": 3}) == Evaluation((0.9, -3.0))


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"accuracy": 0.9}, "metric 'latency_ms' was not reported"),
        ({"accuracy": 0.9, "latency_ms": "slow"}, "metric 'latency_ms' is not a number: 'slow'"),
        ({"accuracy": math.nan, "latency_ms": 1.0}, "metric 'accuracy' is not finite: nan"),
        ({"accuracy": 0.9, "latency_ms": math.inf}, "metric 'latency_ms' is not finite: inf"),
    ],
)
def test_the_reason_for_unusable_values_is_given(metrics: dict, reason: str) -> None:
    objectives = Objectives({"accuracy": "max", "latency_ms": "min"})
    assert objectives.evaluate(metrics) == Evaluation(unusable=reason)


def test_violations_add_up_relative_to_their_limits() -> None:
    objectives = Objectives(
        {"accuracy": "max"},
        {"latency_ms": (None, 10.0), "fairness": (0.8, None), "drift": (0.0, 0.0)},
    )
    kept = {"accuracy": 1.0, "latency_ms": 10.0, "fairness": 0.8, "drift": 0.0}
    assert objectives.evaluate(kept) == Evaluation((1.0,))
    broken = {"accuracy": 1.0, "latency_ms": 15.0, "fairness": 0.6, "drift": 0.1}
    evaluation = objectives.evaluate(broken)
    assert evaluation.violation == pytest.approx(0.5 + 0.25 + 0.1)
    assert evaluation.broken == (
        "latency_ms = 15 is outside of [-inf, 10]; fairness = 0.6 is outside of [0.8, inf]; "
        "drift = 0.1 is outside of [0, 0]"
    )
    assert objectives.evaluate({"accuracy": 1.0}) == Evaluation((1.0,))
    unusable = objectives.evaluate({"accuracy": 1.0, "latency_ms": math.nan}).unusable
    assert unusable == "metric 'latency_ms' is not finite: nan"


def test_costs_are_checked_against_their_limits() -> None:
    objectives = Objectives({"accuracy": "max"}, {"params": (None, 10.0), "latency_ms": (1, 2)})
    assert objectives.broken_limit({"params": 10.0}) is None
    ranges = ViolationRanges()
    assert not ranges
    for params in (12.0, 30.0, 20.0):
        limit = objectives.broken_limit({"params": params})
        assert limit is not None
        ranges.add(limit)
    assert str(limit) == "params = 20 is outside of [-inf, 10]"
    assert str(ranges) == "params must be in [-inf, 10], the candidates range from 12 to 30"
    assert describe_limits((0.5, None)) == "[0.5, inf]"


@pytest.mark.parametrize("name", [RandomSearch, RegularizedEvolution])
def test_limits_on_costs_hold_before_a_proposal_leaves(name: type, cells: NASBench201) -> None:
    searcher = name(
        cells, "accuracy", "max", costs=convolutions, constraints={"convolutions": (1, 2)}, seed=0
    )
    for number in range(60):
        config = searcher.suggest(str(number))
        assert 1 <= convolutions(config)["convolutions"] <= 2
        searcher.on_trial_complete(
            trial_id=str(number), result={"accuracy": convolutions(config)["convolutions"]}
        )


@pytest.mark.parametrize("costs", [None, convolutions])
def test_a_limit_on_nothing_is_told(costs: object, cells: NASBench201, tmp_path: Path) -> None:
    """A misspelt name must not pass for a limit that is kept."""
    limits = {"convolution": (1, 2), "latency_ms": (None, 3.0)}
    searcher = RandomSearch(cells, "accuracy", "max", costs=costs, constraints=limits, seed=0)
    for name, metrics in (
        ("a", {"accuracy": 0.9, "latency_ms": 1.0}),
        ("b", {"accuracy": 0.9, "latency_ms": 1.0, "convolution": 1}),
    ):
        searcher.suggest(name)
        searcher.on_trial_complete(trial_id=name, result=metrics)
    searcher.save(str(tmp_path / "state.json"))
    unknown, fine = list(record.load(tmp_path).trials.values())
    assert (unknown.status, fine.status) == ("infeasible", "completed")
    assert (
        unknown.reason
        == "constraints has 'convolution', which is neither one of the costs nor reported"
    )


def test_an_impossible_limit_shows_the_reachable_range(cells: NASBench201) -> None:
    searcher = RandomSearch(
        cells,
        "accuracy",
        "max",
        costs=convolutions,
        constraints={"convolutions": (7, None)},
        seed=0,
    )
    message = r"convolutions must be in \[7, inf\], the candidates range from 0 to 6"
    with pytest.raises(ValueError, match=f"cannot be met: {message}"):
        searcher.suggest("t")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"objectives": {"accuracy": "max"}, "metric": "accuracy"},
            "objectives replaces metric and mode",
        ),
        ({"objectives": {}}, "objectives must name at least one metric"),
        (
            {"objectives": {"accuracy": "up"}},
            r"objectives\['accuracy'\] must be 'min' or 'max', got 'up'",
        ),
        ({"metric": "accuracy", "mode": "up"}, "mode must be 'min' or 'max', got 'up'"),
        (
            {"constraints": {"params": 3}},
            r"constraints\['params'\] must be a pair \(low, high\).*got 3",
        ),
        (
            {"constraints": {"params": (None, float("nan"))}},
            r"constraints\['params'\] must be numbers or None, got \(None, nan\)",
        ),
        (
            {"constraints": {"params": ("1", None)}},
            r"constraints\['params'\] must be numbers or None",
        ),
        (
            {"constraints": {"params": [1, 2, 3]}},
            r"constraints\['params'\] must be a pair \(low, high\)",
        ),
        ({"metric": 5}, "metric must be the name of a reported metric, got 5"),
        (
            {"constraints": {"params": (3, 1)}},
            r"constraints\['params'\] must have low <= high, got \(3, 1\)",
        ),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str, cells: NASBench201) -> None:
    with pytest.raises(ValueError, match=message):
        RandomSearch(cells, **arguments)


def test_equal_functions_may_differ_in_cost(cells: NASBench201) -> None:
    """With several objectives every config is worth a trial, with one only every function."""
    zeros = dict.fromkeys(cells.config_space, "none")
    same = {**zeros, "edge_0_1": "nor_conv_1x1"}  # leads nowhere
    assert cells.canonical(zeros) == cells.canonical(same)
    given = {"points_to_evaluate": [zeros, same], "seed": 0}
    one = RandomSearch(cells, "accuracy", "max", **given)
    assert [one.suggest("a"), one.suggest("b") == same] == [zeros, False]
    several = RandomSearch(cells, objectives={"accuracy": "max", "latency_ms": "min"}, **given)
    assert [several.suggest("a"), several.suggest("b")] == [zeros, same]


def test_costs_are_asked_once_for_each_config(cells: NASBench201) -> None:
    asked: list[str] = []

    def costs(config: dict) -> dict[str, float]:
        asked.append(str(config))
        return {"params": float(sum(value != "none" for value in config.values()))}

    searcher = RandomSearch(
        cells, "score", "max", costs=costs, constraints={"params": (2, None)}, seed=0
    )
    for number in range(20):
        searcher.suggest(str(number))
        searcher.on_trial_complete(trial_id=str(number), result={"score": 0.5})
    assert len(asked) == len(set(asked)) >= 20
