"""NASWOT against the patterns of every pair of examples."""

import math

import numpy as np
import pytest
import torch
from networks_to_score import CASES, conv_net, images
from scoring import score, without_dropout
from torch import nn


@pytest.mark.parametrize("inplace", [False, True])
def test_it_counts_equal_units_for_every_pair(inplace: bool) -> None:
    network, (inputs, _) = without_dropout(conv_net(inplace)), images()
    patterns = []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, inputs, __: patterns.append(inputs[0] > 0))
    network(inputs)
    bits = torch.cat([pattern.flatten(1) for pattern in patterns], dim=1).numpy()
    kernel = [[np.sum(a == b) for b in bits] for a in bits]
    expected = np.linalg.slogdet(np.array(kernel, dtype=float))[1]
    fresh = conv_net(inplace)
    assert math.isclose(score(fresh, "naswot", images()), expected, rel_tol=1e-5)


def test_a_tensor_that_two_relus_read_counts_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.relus = nn.Linear(4, 30), nn.ModuleList([nn.ReLU(), nn.ReLU()])

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            hidden = self.layer(inputs)
            return sum(relu(hidden) for relu in self.relus)

    network, batch = Twice(), (torch.randn(6, 4), None)
    once = nn.Sequential(network.layer, nn.ReLU())
    # Twice the kernel of 6 examples
    difference = score(network, "naswot", batch) - score(once, "naswot", batch)
    assert math.isclose(difference, 6 * math.log(2), rel_tol=1e-6)


def test_an_example_twice_makes_it_very_low() -> None:
    inputs = images()[0]
    assert score(conv_net(), "naswot", (torch.cat([inputs, inputs]), None)) < 0


def test_functions_and_gelus_count() -> None:
    for case in ("two_inputs", "sequences", "text"):
        assert math.isfinite(score(*_split(case)))


def _split(case: str) -> tuple[nn.Module, str, object]:
    network, batch = CASES[case]()
    return network, "naswot", batch
