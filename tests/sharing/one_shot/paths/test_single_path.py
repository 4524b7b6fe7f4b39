"""Uniform single paths."""

from collections import Counter

import numpy as np

from ray_nas.sharing.one_shot.paths.single_path import SinglePath
from ray_nas.spaces import NASBench201


def test_one_config_per_step_uniform_over_values() -> None:
    space = NASBench201(channels=2, cells_per_stage=1)
    strategy, rng = SinglePath(space, 0), np.random.default_rng(0)
    steps = [strategy.paths(rng) for _ in range(500)]
    assert {len(paths) for paths in steps} == {1}
    counts = Counter(paths[0]["edge_0_1"] for paths in steps)
    assert len(counts) == 5
    assert min(counts.values()) > 60, "100 are expected of each"
