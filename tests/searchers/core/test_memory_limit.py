"""The size limit that out-of-memory failures teach."""

import math

import pytest

from ray_nas.record.events import TrialEnded
from ray_nas.searchers.core.memory_limit import MemoryLimit, size_of


def ended(size: float | None, *, out_of_memory: bool) -> TrialEnded:
    status = "infeasible" if out_of_memory else "completed"
    return TrialEnded("a", status, out_of_memory=out_of_memory, size=size)


def test_a_failure_below_a_completed_size_sets_no_limit() -> None:
    memory = MemoryLimit()
    assert not memory.excludes({"params": 99.0})
    memory.apply(ended(50.0, out_of_memory=True))
    assert memory.limit == 50.0
    memory.apply(ended(70.0, out_of_memory=False))
    assert memory.limit == math.inf
    memory.apply(ended(90.0, out_of_memory=True))
    memory.apply(ended(80.0, out_of_memory=True))
    memory.apply(ended(None, out_of_memory=True))
    assert memory.limit == 80.0
    assert not memory.excludes({"params": 79.0})
    assert memory.excludes({"params": 80.0})
    assert not memory.excludes({"latency_ms": 1000.0})


@pytest.mark.parametrize(
    ("costs", "size"),
    [
        ({"params": 5, "flops": 3}, ("params", 5.0)),
        ({"params": 5, "peak_memory_bytes": 9}, ("peak_memory_bytes", 9.0)),
        ({"latency_ms": 5}, None),
        ({}, None),
    ],
)
def test_which_cost_measures_the_size(costs: dict, size: object) -> None:
    assert size_of(costs) == size
