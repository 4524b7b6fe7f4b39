"""FairNAS: each alternative equally often in each step."""

from collections import Counter

import numpy as np
import pytest
from mixed_network import MIXED
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import ModelSpace, NASBench201, ValueChoice
from ray_nas.spaces.nasbench201 import OPERATIONS

CELLS = NASBench201(channels=2, cells_per_stage=1)


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
