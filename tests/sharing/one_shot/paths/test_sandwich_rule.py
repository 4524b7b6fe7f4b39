"""The sandwich rule."""

import numpy as np
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice


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
