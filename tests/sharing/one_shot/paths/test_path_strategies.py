"""What holds for every path strategy."""

import numpy as np
import pytest
from torch import nn

from ray_nas.searchers import one_shot
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import LayerChoice, ModelSpace, NASBench201, Repeat, ValueChoice

CELLS = NASBench201(channels=2, cells_per_stage=1)


class Net(nn.Module):
    """Widths, a depth and layer choices of two sizes, some of them conditional."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [4, 8])
        self.first = nn.Linear(2, width)
        self.blocks = Repeat(
            "depth",
            1,
            3,
            lambda i: LayerChoice(
                f"block_{i}",
                {"linear": nn.Linear(width, width), "relu": nn.ReLU(), "none": nn.Identity()},
            ),
        )
        self.head = LayerChoice(
            "head",
            {
                "plain": nn.Linear(width, 2),
                "wide": nn.Sequential(nn.Linear(width, 9), nn.Linear(9, 2)),
            },
        )


MIXED = ModelSpace(Net)


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
