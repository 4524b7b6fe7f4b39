"""AZ-NAS's four terms on networks where they are known."""

import math

import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies.az_nas import _block_trainability, _entropy

TERMS = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity")


def test_the_entropy_of_independent_channels_is_the_log_of_their_number() -> None:
    rows = torch.randn(20_000, 8, generator=torch.Generator().manual_seed(0))
    assert math.isclose(_entropy(rows), math.log(8), rel_tol=1e-3)
    assert math.isclose(_entropy(rows[:, :1].repeat(1, 8)), 0, abs_tol=1e-4)


def test_a_block_that_keeps_the_size_of_gradients_trains_best() -> None:
    signs = torch.randint(2, (500, 6), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    rotation = torch.linalg.qr(torch.randn(6, 6))[0]
    network = nn.Linear(6, 6)
    values = [
        _block_trainability(network, scale * (signs @ rotation), signs) for scale in (1.0, 4.0, 0.1)
    ]
    assert math.isclose(values[0], 0, abs_tol=0.05)
    assert max(values[1:]) < -2
    assert _block_trainability(network, signs, signs) == -math.inf


def test_the_single_value_adds_up_the_terms() -> None:
    rng = torch.Generator().manual_seed(0)
    values = proxies.score(conv_net(), ["az_nas", *TERMS], images(), rng=rng)
    expressivity, progressivity, trainability, complexity = (values[term] for term in TERMS)
    logs = math.log(expressivity) + math.log(complexity)
    assert math.isclose(values["az_nas"], logs + progressivity + trainability)
    assert complexity == score(conv_net(), "flops", images())


def test_weights_and_inputs_do_not_matter() -> None:
    network, (inputs, _) = conv_net(), images()
    value = score(network, "az_nas", (inputs, None))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 3)
    assert math.isclose(score(network, "az_nas", (5 * inputs, None)), value, rel_tol=1e-5)
