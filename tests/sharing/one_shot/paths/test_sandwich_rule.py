"""The sandwich rule."""

import numpy as np
from mixed_network import MIXED

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES


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
