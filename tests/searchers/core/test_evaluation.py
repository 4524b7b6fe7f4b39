"""How metrics are judged, and how ended trials are scored."""

import math
from typing import Any

import pytest

from ray_nas.searchers.core.evaluation import Evaluator, Observation
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.spaces import NASBench201

PROPOSAL = Proposal({}, "random")
TWO = {"accuracy": "max", "latency": "min"}


def evaluator(space: Any, objectives: dict[str, str], scalarize: bool = True, **more: Any):
    given = {"constraints": None, "costs": None, **more}
    problem = SearchProblem("Some", space, None, None, objectives, **given)
    return Evaluator(problem, scalarize=scalarize)


@pytest.mark.parametrize(
    ("reported", "time"),
    [({"epoch": 3}, 3.0), ({"epoch": math.nan}, None), ({"epoch": "3"}, None), ({}, None)],
)
def test_the_time_is_a_finite_number_or_none(reported: dict, time: float | None) -> None:
    assert Observation("a", PROPOSAL, (1.0,), reported, 1.0).time("epoch") == time


def test_one_objective_is_its_own_score(cells: NASBench201) -> None:
    one = evaluator(cells, {"loss": "min"})
    assert one.add("a", one.judge({"loss": 0.5})) == (-0.5, {})
    assert one.scores == {}
    assert one.judge({"loss": math.nan}).unusable


def test_a_later_trial_changes_the_scores_of_earlier_ones(cells: NASBench201) -> None:
    several = evaluator(cells, TWO)
    first = several.judge({"accuracy": 0.8, "latency": 2.0})
    better = several.judge({"accuracy": 0.9, "latency": 1.0})
    several.add("a", first)
    assert several.preview(better) == several.add("b", better)[0]
    assert several.scores["b"] > several.scores["a"]
    unscored = evaluator(cells, TWO, scalarize=False)
    assert unscored.add("a", first) == (0.8, {})


def test_a_limit_on_nothing_reported_is_named_at_the_end(cells: NASBench201) -> None:
    limited = evaluator(cells, {"accuracy": "max"}, constraints={"size": (None, 1.0)})
    assert "'size'" in limited.judge_end(PROPOSAL, {"accuracy": 0.5}).unusable
    assert not limited.judge_end(PROPOSAL, {"accuracy": 0.5, "size": 1.0}).unusable
    assert limited.judge_end(PROPOSAL, {"accuracy": 0.5, "size": 3.0}).broken


def test_rank_puts_the_best_first_and_drops_the_unusable(cells: NASBench201) -> None:
    one = evaluator(cells, {"loss": "min"})
    assert one.rank({"a": {"loss": 2.0}, "b": {}, "c": {"loss": 1.0}}) == ["c", "a"]
    assert one.rank({}) == []
