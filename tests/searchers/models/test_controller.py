"""The recurrent controller: a distribution over configs."""

import math

import ConfigSpace as CS
import numpy as np
import pytest
import torch

from ray_nas.searchers.models.controller import BINS, Controller
from ray_nas.spaces import SearchSpace

torch.set_num_threads(1)


def controller_of(space: SearchSpace, seed: int = 0) -> Controller:
    controller = Controller(space, 16, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        controller.heads.normal_(0.0, 3.0, generator=torch.Generator().manual_seed(seed + 1))
    return controller


def test_probabilities_of_all_configs_sum_to_one() -> None:
    config_space = CS.ConfigurationSpace(
        {
            "depth": CS.OrdinalHyperparameter("depth", [1, 2, 3]),
            "heads": (1, 4),
            "kernel": 3,
            "op": ["a", "b"],
        }
    )
    config_space.add(CS.EqualsCondition(config_space["op"], config_space["depth"], 3))
    space = SearchSpace(config_space)
    controller = controller_of(space)
    with torch.no_grad():
        log_probs, entropies = controller(controller.encode(list(space.grid())))
    assert len(log_probs) == space.size == 16
    assert float(log_probs.exp().sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(log_probs.exp().std()) > 0.01, "the heads make some of them likelier"
    assert (entropies > 0).all()


def test_it_draws_by_its_probabilities(small_space: SearchSpace) -> None:
    controller = controller_of(small_space)
    drawn = [small_space.canonical(config) for config in controller.sample(4_000)]
    configs = list(small_space.grid())
    log_probs, _ = controller(controller.encode(configs))
    expected = log_probs.detach().exp().numpy()
    found = np.array([drawn.count(small_space.canonical(config)) for config in configs]) / len(
        drawn
    )
    np.testing.assert_allclose(found, expected / expected.sum(), atol=0.03)


def test_ranges_are_drawn_in_bins_and_read_back(mixed_space: SearchSpace) -> None:
    controller = controller_of(mixed_space)
    rates = [
        config["rate"]
        for config in Controller(mixed_space, 4, torch.Generator().manual_seed(0)).sample(300)
    ]
    assert len({math.floor(BINS * (math.log10(rate) + 4) / 3) for rate in rates}) == BINS
    for config in controller.sample(50):
        mixed_space.validate(config)
    assert controller.encode(controller.sample(50)).max() == BINS - 1
