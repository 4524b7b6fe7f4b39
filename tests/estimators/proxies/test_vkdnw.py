"""VKDNW against the Fisher information by hand."""

import math

import torch
from networks_to_score import conv_net, images
from scoring import score
from torch import nn

from ray_nas.estimators import proxies
from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.vkdnw import _fisher_information


def test_the_information_is_that_of_the_smoothed_probabilities() -> None:
    network, inputs = nn.Linear(2, 3), torch.randn(4, 2)
    information = _fisher_information(network, Batch(inputs, None))
    expected = torch.zeros(2, 2)
    for example in inputs:
        probabilities = network(example).softmax(0).detach() * 0.95 + 0.05 / 3
        covariance = probabilities.diag() - torch.outer(probabilities, probabilities)
        jacobian = torch.zeros(3, 2)
        jacobian[0] = torch.stack([example[0], torch.tensor(1.0)])
        expected += jacobian.T @ covariance @ jacobian / 4
    torch.testing.assert_close(information.float(), expected)


def test_the_tensors_are_counted_and_the_entropy_is_bounded() -> None:
    rng = torch.Generator().manual_seed(0)
    values = proxies.score(conv_net(), ["vkdnw", "vkdnw_entropy"], images(), rng=rng)
    entropy = values["vkdnw_entropy"]
    assert 0 < entropy <= math.log(9)
    assert math.isclose(values["vkdnw"], len(list(conv_net().parameters())) + entropy)


def test_labels_and_the_order_of_examples_do_not_matter() -> None:
    inputs, _ = images()
    value = score(conv_net(), "vkdnw_entropy", (inputs, None))
    assert math.isclose(
        score(conv_net(), "vkdnw_entropy", (inputs.flip(0), None)), value, rel_tol=1e-4
    )


def test_maps_of_one_pixel_and_vectors_have_a_value() -> None:
    for size in (2, 8):
        network = nn.Sequential(
            *(nn.Conv2d(3, 4, 2, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
            *(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3)),
        )
        assert math.isfinite(score(network, "vkdnw", images(size=size)))
