"""TE-NAS's kernel and regions."""

import math

import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn


def test_the_condition_number_of_a_linear_layer_is_that_of_its_inputs() -> None:
    """Its gradients are the inputs themselves, whatever the weights."""
    inputs = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.eigvalsh(inputs @ inputs.T)
    value = score(nn.Linear(7, 3), "te_nas_ntk", (inputs, None))
    assert math.isclose(value, -float(values[-1] / values[0]), rel_tol=1e-3)


def test_at_most_32_examples_make_the_kernel() -> None:
    inputs, network = torch.randn(64, 80), nn.Linear(80, 2)
    first = score(network, "te_nas_ntk", (inputs[:32], None))
    assert score(network, "te_nas_ntk", (inputs, None)) == first


def test_a_singular_kernel_is_minus_infinity_or_huge() -> None:
    inputs = torch.ones(4, 3)
    assert score(nn.Linear(3, 2), "te_nas_ntk", (inputs, None)) < -1e6


def test_one_unit_makes_two_regions() -> None:
    network = nn.Sequential(nn.Linear(3, 1), nn.ReLU())
    assert score(network, "te_nas_regions", (torch.ones(50, 3), None)) == 2
    assert score(conv_net(), "te_nas_regions", images()) == 8


def test_the_sum_of_both_logs() -> None:
    values = {name: score(conv_net(), name, images()) for name in ("te_nas", "te_nas_ntk")}
    expected = math.log(8) - math.log(-values["te_nas_ntk"])
    assert math.isclose(values["te_nas"], expected, rel_tol=1e-6)
