"""Uniform functions instead of uniform configs."""

from collections import Counter

import numpy as np
import pytest

from ray_nas.sharing.one_shot.paths import balanced_paths
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import NASBench201

CELLS = NASBench201(channels=2, cells_per_stage=1)


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
