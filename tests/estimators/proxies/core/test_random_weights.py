"""Fresh weights and inputs."""

import math

import torch
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.random_weights import draw_weights, gaussian_inputs


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_weights_have_the_variance_of_their_fan_in_and_the_rest_its_constants() -> None:
    network = nn.Sequential(nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.Linear(64, 256))
    nn.init.constant_(network[1].weight, 3)
    draw_weights(network, rng(), kaiming=True)
    assert math.isclose(network[0].weight.detach().std(), math.sqrt(2 / 72), rel_tol=0.05)
    assert math.isclose(network[2].weight.detach().std(), math.sqrt(2 / 64), rel_tol=0.05)
    assert network[1].weight.unique().tolist() == [1]
    assert not any(layer.bias.any() for layer in network)
    draw_weights(network, rng(), kaiming=False)
    assert math.isclose(network[0].weight.detach().std(), 1, rel_tol=0.05)


def test_the_generator_decides() -> None:
    first, second, third = (nn.Linear(3, 3) for _ in range(3))
    for layer, seed in ((first, 1), (second, 1), (third, 2)):
        draw_weights(layer, rng(seed), kaiming=True)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, third.weight)


def test_gaussian_inputs_replace_numbers_and_leave_integers() -> None:
    tokens = torch.ones(4, 2).long()
    left, right = gaussian_inputs(Batch((tokens, torch.zeros(4, 50)), None), rng()).inputs
    assert left is tokens
    assert math.isclose(right.std(), 1, rel_tol=0.2)
