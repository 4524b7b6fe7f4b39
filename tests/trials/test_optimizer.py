"""An optimizer with a cosine schedule that resumes exactly."""

import pytest
import torch
from torch import nn

from ray_nas.trials.optimizer import CosineOptimizer, Optimization


def train(network: nn.Module, optimizer: CosineOptimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        network(torch.full((1, 2), 1.0 + step)).sum().backward()
        optimizer.step()


def start() -> tuple[nn.Module, CosineOptimizer]:
    network = nn.Linear(2, 1)
    nn.init.ones_(network.weight)
    nn.init.zeros_(network.bias)
    return network, Optimization(0.1).optimizer(network.parameters(), steps=8)


def test_the_learning_rate_falls_to_zero_along_a_cosine() -> None:
    network, optimizer = start()
    train(network, optimizer, 4)
    assert optimizer.learning_rate == pytest.approx(0.05)
    train(network, optimizer, 4)
    assert optimizer.learning_rate == pytest.approx(0.0)


def test_a_restored_optimizer_continues_the_same() -> None:
    straight, first, second = start(), start(), start()
    for pair in (straight, first):
        train(*pair, 3)
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_tensors(first[1].state_tensors())
    for pair in (straight, second):
        train(*pair, 3)
    assert torch.equal(straight[0].weight, second[0].weight)
    assert straight[1].learning_rate == pytest.approx(second[1].learning_rate, rel=1e-12)


def test_large_gradients_are_clipped() -> None:
    weight = nn.Parameter(torch.zeros(1))
    plain = Optimization(1.0, lambda parameters, rate: torch.optim.SGD(parameters, rate), clip=0.5)
    optimizer = plain.optimizer([weight], steps=10)
    (1000 * weight).sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(-0.5, rel=1e-4)
