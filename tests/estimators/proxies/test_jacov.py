"""Jacobian covariance against numpy."""

import math

import numpy as np
import torch
from networks_to_score import conv_net, images
from scoring import score, without_dropout
from torch import nn


def test_it_is_the_score_of_the_gradients_correlations() -> None:
    network, (inputs, _) = without_dropout(conv_net()), images()
    leaf = inputs.clone().requires_grad_()
    network(leaf).sum().backward()
    values = np.linalg.eigvalsh(np.corrcoef(leaf.grad.flatten(1).numpy()))
    expected = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
    assert math.isclose(score(conv_net(), "jacov", images()), expected, rel_tol=1e-3)


def test_a_constant_gradient_is_not_a_number() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    nn.init.constant_(network[0].bias, -1e3)
    assert math.isnan(score(network, "jacov", (torch.randn(4, 3), None)))


def test_one_example_has_one_correlation() -> None:
    value = score(nn.Linear(3, 2), "jacov", (torch.randn(1, 3), None))
    assert math.isclose(value, -1.0, abs_tol=1e-4)
