"""SynFlow by hand."""

import math

import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn


def test_every_layer_of_a_chain_carries_the_whole_flow() -> None:
    network = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    first, second = (layer.weight.detach().double().abs() for layer in (network[0], network[2]))
    flow = (second @ first).sum().item()
    assert math.isclose(score(network, "synflow", (torch.zeros(4, 2), None)), 2 * flow)


def test_norms_and_the_batch_do_not_matter() -> None:
    network = conv_net()
    value = score(network, "synflow", images())
    nn.init.constant_(network[1].weight, 7)
    network[1].running_var.fill_(3)
    assert score(network, "synflow", (torch.randn(2, 3, 8, 8), None)) == value


def test_deep_networks_do_not_overflow_float32_but_float64_can() -> None:
    def deep(layers: int) -> nn.Module:
        return nn.Sequential(*(nn.Linear(100, 100) for _ in range(layers)))

    batch = (torch.ones(2, 100), None)
    assert 1e50 < score(deep(80), "synflow", batch) < math.inf
    assert score(deep(600), "synflow", batch) == math.inf
