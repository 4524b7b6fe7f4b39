"""The number of parameters."""

from networks_to_score import conv_net, images
from scoring import score
from torch import nn

from ray_nas.estimators.cost import profile


def test_it_is_what_profile_counts() -> None:
    assert score(conv_net(), "params", images()) == profile(conv_net(), (3, 8, 8)).params


def test_shared_parameters_count_once() -> None:
    network = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    network[1].weight = network[0].weight
    assert score(network, "params", images()) == 8
