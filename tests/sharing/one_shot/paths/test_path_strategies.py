from collections import Counter

import numpy as np
import pytest
from torch import nn

from ray_nas.searchers import one_shot
from ray_nas.sharing.one_shot.paths import balanced_paths
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import LayerChoice, ModelSpace, NASBench201, Repeat, ValueChoice
from ray_nas.spaces.nasbench201 import OPERATIONS

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


def test_fairnas_takes_each_alternative_once_a_step() -> None:
    strategy, rng = STRATEGIES["fairnas"](CELLS, 0), np.random.default_rng(0)
    for _ in range(10):
        paths = strategy.paths(rng)
        assert len(paths) == 5
        assert all({path[edge] for path in paths} == set(OPERATIONS) for edge in CELLS.config_space)


def test_fairnas_is_fair_to_fewer_alternatives_too_and_needs_a_layer_choice() -> None:
    strategy, rng = STRATEGIES["fairnas"](MIXED, 0), np.random.default_rng(0)
    heads = Counter(path["head"] for _ in range(200) for path in strategy.paths(rng))
    assert abs(heads["plain"] - heads["wide"]) < 60
    blocks = [Counter(path["block_0"] for path in strategy.paths(rng)) for _ in range(10)]
    assert all(set(counts.values()) == {1} for counts in blocks)
    assert "uniform: width, depth" in strategy.description

    class Width(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, ValueChoice("width", [1, 2]))

    with pytest.raises(ValueError, match="'fairnas' needs a LayerChoice"):
        STRATEGIES["fairnas"](ModelSpace(Width), 0)


def test_sandwich_has_both_ends() -> None:
    strategy, rng = STRATEGIES["sandwich"](MIXED, 0), np.random.default_rng(0)
    for _ in range(10):
        largest, smallest, *others = strategy.paths(rng)
        assert largest == {
            "width": 8,
            "depth": 3,
            "head": "wide",
            **{f"block_{i}": "linear" for i in range(3)},
        }
        assert (smallest["width"], smallest["depth"], smallest["head"]) == (4, 1, "plain")
        assert smallest["block_0"] in ("relu", "none")
        assert len(others) == 2


def test_balanced_draws_functions_evenly() -> None:
    space = CELLS.restrict(dict.fromkeys(CELLS.choices, ("none", "skip_connect", "nor_conv_3x3")))
    sizes, rng = (
        Counter(space.canonical(config) for config in space.grid()),
        np.random.default_rng(0),
    )
    most = {}
    for name in ("spos", "balanced"):
        strategy = STRATEGIES[name](space, 0)
        most[name] = max(
            Counter(space.canonical(strategy.paths(rng)[0]) for _ in range(3000)).values()
        )
    assert most["spos"] > 0.8 * 3000 * max(sizes.values()) / sizes.total()
    assert most["balanced"] < 3 * 3000 / len(sizes) < most["spos"]


def test_balanced_does_so_in_spaces_too_large_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balanced_paths, "_MAX_LISTED", 0)
    space = CELLS.restrict(dict.fromkeys(CELLS.choices, ("none", "skip_connect", "nor_conv_3x3")))
    sizes, rng = (
        Counter(space.canonical(config) for config in space.grid()),
        np.random.default_rng(0),
    )
    strategy = STRATEGIES["balanced"](space, 0)
    drawn = Counter(space.canonical(strategy.paths(rng)[0]) for _ in range(3000))
    assert (
        max(drawn.values())
        < 3 * 3000 / len(sizes)
        < 0.8 * 3000 * max(sizes.values()) / sizes.total()
    )
    assert "10000 random configs" in strategy.description


def test_the_controller_learns_what_is_rewarded() -> None:
    strategy, rng = STRATEGIES["enas"](CELLS, 0), np.random.default_rng(0)

    def reward(config: dict) -> float:
        return sum(value == "nor_conv_3x3" for value in config.values())

    for _ in range(100):
        strategy.after_epoch(reward)
    assert np.mean([reward(strategy.paths(rng)[0]) for _ in range(100)]) > 3.0  # 1.2 by chance
    best = strategy.best_configs(10)
    assert 0 < len(best) <= 10
    assert len({CELLS.canonical(config) for config in best}) == len(best)
