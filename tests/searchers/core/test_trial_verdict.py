"""How a trial's end is judged."""

import math
from typing import Any

import pytest

from ray_nas.searchers.core.evaluation import Evaluator
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.trial_verdict import judge_end, judge_failure
from ray_nas.spaces import NASBench201
from ray_nas.tune_internals.trial_errors import failing


@pytest.fixture
def proposal(cells: NASBench201) -> Proposal:
    return Proposal(cells.sample(random_state=0), "random")


def problem(space: Any, **more: Any) -> SearchProblem:
    given = {"objectives": None, "constraints": None, "costs": None, **more}
    return SearchProblem("Some", space, "loss", "min", **given)


def test_out_of_memory_is_infeasible_and_other_errors_are_errors(
    cells: NASBench201, proposal: Proposal
) -> None:
    with failing(KeyError("x")):
        assert judge_failure(problem(cells), proposal).status == "error"
    with failing(MemoryError("too large")):
        verdict = judge_failure(problem(cells), proposal)
    assert (verdict.status, verdict.reason) == ("infeasible", "out of memory")
    assert verdict.out_of_memory
    assert verdict.evaluation is None


@pytest.mark.parametrize(
    ("metrics", "status"),
    [
        ({"loss": 0.5}, "completed"),
        ({"loss": math.nan}, "infeasible"),
        ({}, "infeasible"),
        ({"loss": 0.5, "latency": 3.0}, "infeasible"),
    ],
)
def test_the_status_of_an_end(
    cells: NASBench201, proposal: Proposal, metrics: dict, status: str
) -> None:
    constraints = {"latency": (None, 2.0)} if "latency" in metrics else None
    limited = problem(cells, constraints=constraints)
    verdict = judge_end(limited, Evaluator(limited, scalarize=True), proposal, metrics)
    assert verdict.status == status
    assert bool(verdict.reason) == (status == "infeasible")
