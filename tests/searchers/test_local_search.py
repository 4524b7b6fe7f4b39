from typing import Any

from ray_nas.searchers import LocalSearch
from ray_nas.spaces import NASBench201


def distance(one: dict[str, Any], other: dict[str, Any]) -> int:
    return sum(one[name] != other[name] for name in one)


def test_the_first_better_neighbor_is_the_next_center(cells: NASBench201) -> None:
    searcher = LocalSearch(cells, "score", "max", seed=0)
    first = searcher.suggest("a")
    searcher.on_trial_complete("a", {"score": 1.0})
    worse = searcher.suggest("b")
    searcher.on_trial_complete("b", {"score": 0.5})
    better = searcher.suggest("c")
    searcher.on_trial_complete("c", {"score": 2.0})
    assert distance(first, worse) == distance(first, better) == 1
    assert distance(better, searcher.suggest("d")) == 1
    parents = {name: each.parents for name, each in searcher.ledger.proposals.items()}
    assert parents == {"a": (), "b": ("a",), "c": ("a",), "d": ("c",)}


def test_a_climb_without_a_better_neighbor_restarts_at_random(cells: NASBench201) -> None:
    searcher = LocalSearch(cells, "score", "max", seed=0)
    moves = []
    for number in range(40):
        searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), {"score": -float(number)})
        moves.append(searcher.ledger.proposals[str(number)].move)
    assert moves[:2] == ["random", "neighbor"]
    restart = moves.index("random", 1)
    assert set(moves[1:restart]) == {"neighbor"}
    assert moves[restart + 1] == "neighbor"
