"""Multi-layer perceptrons."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import MLPSpace


def test_contains_the_papers_network() -> None:
    config: dict[str, object] = {"depth": 9, "activation": "relu", "norm": "batch"}
    config |= {
        f"layer_{i}.{name}": value
        for i in range(9)
        for name, value in (("width", 512), ("dropout", 0.5))
    }
    network = MLPSpace(54, 7).build(config)
    layers: list[nn.Module] = []
    for inputs in (54, *[512] * 8):
        layers += [nn.Linear(inputs, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5)]
    paper = nn.Sequential(*layers, nn.Linear(512, 7))
    network.load_state_dict(
        dict(zip(network.state_dict(), paper.state_dict().values(), strict=True))
    )
    vectors = torch.rand(3, 54)
    assert torch.allclose(network.eval()(vectors), paper.eval()(vectors), atol=1e-5)


def test_size() -> None:
    assert MLPSpace(4, 2).size == 4 * 3 * sum(15**depth for depth in range(1, 10))
    with pytest.raises(ValueError, match="inputs must be an integer >= 1, got 0"):
        MLPSpace(0, 2)
