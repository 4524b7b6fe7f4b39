from pathlib import Path

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.searchers import GridSearch
from ray_nas.spaces import SearchSpace

SPACE = SearchSpace(ConfigurationSpace({"op": ["conv", "pool"], "rate": (0.0, 1.0)}))


def all_of(searcher: GridSearch, most: int = 100) -> list[tuple[str, float]]:
    found = []
    for number in range(len(searcher.ledger.proposals), most):
        config = searcher.suggest(str(number))
        if config == "FINISHED":
            break
        found.append((config["op"], config["rate"]))
    return found


def test_every_combination_comes_once_in_order() -> None:
    found = all_of(GridSearch(SPACE, "score", "max", points_per_range=3))
    assert len(found) == len(set(found)) == 6
    assert len({rate for _, rate in found}) == 3
    assert found == all_of(GridSearch(SPACE, "score", "max", points_per_range=3, seed=9))


def test_a_restore_continues_after_the_last_config(tmp_path: Path) -> None:
    whole = all_of(GridSearch(SPACE, "score", "max"))
    saved = GridSearch(SPACE, "score", "max")
    begun = all_of(saved, 4)
    saved.save(str(tmp_path / "state.json"))
    restored = GridSearch(SPACE, "score", "max")
    restored.restore(str(tmp_path / "state.json"))
    assert begun + all_of(restored) == whole


def test_with_repeats_the_grid_starts_again() -> None:
    searcher = GridSearch(SPACE, "score", "max", points_per_range=2, repeats=True)
    found = all_of(searcher, 10)
    assert found[:4] == found[4:8]
    assert found[:2] == found[8:]


def test_a_range_needs_two_points() -> None:
    with pytest.raises(ValueError, match="points_per_range must be an integer >= 2, got 1"):
        GridSearch(SPACE, points_per_range=1)
