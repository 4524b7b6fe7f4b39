"""Candidates are distinct and feasible, and what a score returns is checked."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ray_nas.searchers.core.candidate_scoring import CandidateScorer, draw_candidates
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.spaces import NASBench201, SearchSpace

SPACE = NASBench201()


def problem(space: SearchSpace = SPACE, **arguments: Any) -> SearchProblem:
    limits = {"objectives": None, "constraints": None, "costs": None, **arguments}
    return SearchProblem("RandomSearch", space, "score", "max", **limits)


def draw(problem: SearchProblem, count: int, known: frozenset[str] = frozenset()) -> list[dict]:
    rng = np.random.default_rng(0)
    return draw_candidates(problem, problem.complete(), count, known.__contains__, rng)


class Sizes:
    """A score with an expensive part."""

    calls: list[int]

    def __init__(self) -> None:
        self.calls = []

    def measure(self, space: SearchSpace, configs: Sequence[dict]) -> list[dict[str, float]]:
        self.calls.append(len(configs))
        return [{"convs": sum("conv" in value for value in one.values())} for one in configs]

    def combine(self, rows: Sequence[dict[str, float]]) -> list[float]:
        most = max(row["convs"] for row in rows)
        return [row["convs"] / most for row in rows]

    def __call__(self, space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        raise AssertionError("measure and combine are called instead")


def test_candidates_are_distinct_and_new() -> None:
    configs = draw(problem(), 300)
    keys = [SPACE.canonical(config) for config in configs]
    assert len(set(keys)) == 300
    others = draw(problem(), 300, frozenset(keys[:50]))
    assert not {SPACE.canonical(config) for config in others} & set(keys[:50])


def test_candidates_keep_limits_on_costs() -> None:
    def costs(config: dict) -> dict[str, float]:
        return {"convs": sum("conv" in operation for operation in config.values())}

    limited = problem(costs=costs, constraints={"convs": (1, 2)})
    assert {costs(config)["convs"] for config in draw(limited, 100)} == {1, 2}
    with pytest.raises(ValueError, match=r"convs must be in \[7, inf\]"):
        draw(problem(costs=costs, constraints={"convs": (7, None)}), 5)


def test_a_small_space_gives_fewer(small_space: SearchSpace) -> None:
    assert len(draw(problem(small_space), 100_0)) <= small_space.size


def test_the_expensive_part_runs_in_chunks() -> None:
    score = Sizes()
    configs = draw(problem(), 100)
    scored = CandidateScorer(score, 0.0)(SPACE, configs)
    assert sum(score.calls) == 100
    assert len(score.calls) > 1
    assert scored.score == "Sizes"
    assert scored.measures is not None
    convs = [row["convs"] for row in scored.measures]
    assert scored.scores == [value / max(convs) for value in convs]


@pytest.mark.usefixtures("ray_runtime")
def test_ray_tasks_measure_the_same() -> None:
    score = Sizes()
    configs = draw(problem(), 40)
    scored = CandidateScorer(score, 0.0)(SPACE, configs)
    assert score.calls == []  # copies measured
    assert scored.measures == Sizes().measure(SPACE, configs)


@pytest.mark.usefixtures("ray_runtime")
def test_more_gpu_than_there_is_is_named() -> None:
    with pytest.raises(ValueError, match="num_gpus must be at most"):
        CandidateScorer(Sizes(), 1000.0)(SPACE, draw(problem(), 4))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "score must return a number for each config, got None"),
        ([1.0], "got 1 for 3 configs"),
        ([1.0, None, 2.0], "got None from .*returns"),
        ([1.0, "2", 2.0], "got '2' from .*returns"),
        ([math.nan] * 3, "score must be finite for at least one config, got nan"),
    ],
)
def test_a_wrong_score_is_named(returned: Any, message: str) -> None:
    def returns(space: SearchSpace, configs: Sequence[dict]) -> Any:
        return returned

    with pytest.raises(ValueError, match=message):
        CandidateScorer(returns, 0.0)(SPACE, draw(problem(), 3))


def test_numpy_numbers_and_some_nan_are_fine() -> None:
    scorer = CandidateScorer(lambda space, configs: np.array([1.0, np.nan, 3.0]), 0.0)
    assert scorer(SPACE, draw(problem(), 3)).scores[::2] == [1.0, 3.0]


def test_an_error_in_the_score_names_it() -> None:
    def fails(space: SearchSpace, configs: Sequence[dict]) -> list[float]:
        raise KeyError("no such cell")

    with pytest.raises(RuntimeError, match=r"score failed: .*fails raised KeyError"):
        CandidateScorer(fails, 0.0)(SPACE, draw(problem(), 3))


@pytest.mark.parametrize("row", [None, {"convs": "many"}])
def test_wrong_measures_are_named(row: Any) -> None:
    class Wrong(Sizes):
        def measure(self, space: SearchSpace, configs: Sequence[dict]) -> list[Any]:
            return [row for _ in configs]

        def combine(self, rows: Sequence[Any]) -> list[float]:
            return [0.0 for _ in rows]

    with pytest.raises(ValueError, match=r"score\.measure must return a dict"):
        CandidateScorer(Wrong(), 0.0)(SPACE, draw(problem(), 3))


def test_too_few_measures_are_named() -> None:
    class Short(Sizes):
        def measure(self, space: SearchSpace, configs: Sequence[dict]) -> list[dict[str, float]]:
            return [{"convs": 1.0}]

    with pytest.raises(ValueError, match=r"a number for each config, got \d+ for 30 configs"):
        CandidateScorer(Short(), 0.0)(SPACE, draw(problem(), 30))
