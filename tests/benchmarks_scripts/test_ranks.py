from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def ranks(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("ranks")


def test_ranks_are_those_of_runs_and_ties_share(ranks: ModuleType) -> None:
    tables = [
        {"a": np.array([0.0, 0.0]), "b": np.array([1.0, 2.0, 3.0]), "c": np.array([0.0, 9.0])},
        {"a": np.array([5.0]), "b": np.array([5.0]), "c": np.array([5.0])},
    ]
    # In the first table a ties with half the runs of c, and b beats the other half.
    expected = {"a": (1.25 + 2) / 2, "b": (2.5 + 2) / 2, "c": (2.25 + 2) / 2}
    assert {
        name: rank for name, (rank, _, _) in ranks.mean_ranks(tables, 10).items()
    } == pytest.approx(expected)


def test_the_interval_covers_the_rank_of_other_tables_as_often_as_it_says(
    ranks: ModuleType,
) -> None:
    """Tables in which a is ahead with probability .7: the expected rank of a is 1.3."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        tables = [
            {"a": np.zeros(5), "b": np.full(5, 1.0 if rng.random() < 0.7 else -1.0)}
            for _ in range(30)
        ]
        _, low, high = ranks.mean_ranks(tables, 200)["a"]
        covered += low <= 1.3 <= high
    assert 45 <= covered <= 60
