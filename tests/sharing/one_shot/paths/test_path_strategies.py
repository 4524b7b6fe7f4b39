"""What holds for every path strategy."""

import numpy as np
import pytest
from mixed_network import MIXED

from ray_nas.searchers import one_shot
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import ModelSpace, NASBench201

CELLS = NASBench201(channels=2, cells_per_stage=1)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("space", [CELLS, MIXED], ids=["cells", "mixed"])
def test_paths_are_configs_and_follow_the_generator(name: str, space: ModelSpace) -> None:
    drawn = []
    for _ in range(2):
        strategy, rng = STRATEGIES[name](space, 1), np.random.default_rng(2)
        drawn.append([strategy.paths(rng) for _ in range(20)])
    assert drawn[0] == drawn[1]
    for path in (path for paths in drawn[0] for path in paths):
        space.validate(path)
    assert STRATEGIES[name](space, 1).description


def test_each_name_has_its_own_class() -> None:
    found = {name: made.__name__ for name, made in STRATEGIES.items()}
    expected = {
        "spos": "SinglePath",
        "fairnas": "FairPaths",
        "sandwich": "SandwichRule",
        "balanced": "BalancedPaths",
        "enas": "Enas",
    }
    assert found == expected
    assert set(found) == set(one_shot.STRATEGIES), "the searcher offers what there is"
