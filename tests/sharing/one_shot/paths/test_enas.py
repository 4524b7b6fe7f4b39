"""A controller that draws paths."""

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.spaces import NASBench201

CELLS = NASBench201(channels=2, cells_per_stage=1)


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
