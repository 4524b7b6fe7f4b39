"""Zen-score of networks whose score is known."""

import math

import pytest
import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn

from ray_nas.estimators.proxies import ProxyError


def test_a_linear_layer_of_n_inputs_and_m_outputs() -> None:
    """The mean absolute change of a unit is .01 sqrt(2 n / pi)."""
    network = nn.Sequential(nn.Linear(400, 300), nn.Linear(300, 1))
    expected = math.log(0.01 * 300 * math.sqrt(400) * math.sqrt(2 / math.pi))
    assert math.isclose(score(network, "zen", (torch.zeros(64, 400), None)), expected, rel_tol=0.02)


def test_weights_and_inputs_do_not_matter_but_the_generator_does() -> None:
    network, (inputs, _) = conv_net(), images()
    value = score(network, "zen", (inputs, None))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 3)
    assert score(network, "zen", (5 * inputs, None)) == value
    assert score(network, "zen", (inputs, None), seed=1) != value


def test_norms_give_back_what_they_take() -> None:
    """With all variances scaled back, a network with norms scores close to one without."""
    with_norms, without = (
        nn.Sequential(
            nn.Conv2d(3, 64, 3), *norms, nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 1, 1)
        )
        for norms in ([nn.BatchNorm2d(64, momentum=1.0)], [])
    )
    first, second = (score(network, "zen", images()) for network in (with_norms, without))
    assert math.isclose(first, second, rel_tol=0.02)


def test_integers_take_no_step() -> None:
    with pytest.raises(ProxyError, match="the inputs are integers, which take no small step"):
        score(nn.Embedding(3, 2), "zen", (torch.ones(2, 2).long(), None))
