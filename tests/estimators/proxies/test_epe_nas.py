"""EPE-NAS against numpy."""

import math

import numpy as np
import pytest
import torch
from networks_to_score import conv_net, images
from scoring import score, without_dropout
from torch import nn

from ray_nas.estimators.proxies import ProxyError


def reference(gradients: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    classes = {}
    for label in set(labels.tolist()):
        correlations = np.corrcoef(gradients[labels == label])
        classes[label] = float(np.sum(np.log(np.abs(correlations) + 1e-5)))
    return classes


def test_it_adds_up_the_classes() -> None:
    network, (inputs, labels) = without_dropout(conv_net()), images()
    leaf = inputs.clone().requires_grad_()
    network(leaf).sum().backward()
    sums = reference(leaf.grad.flatten(1).numpy(), labels.numpy())
    expected = sum(map(abs, sums.values()))
    assert math.isclose(score(conv_net(), "epe_nas", images()), expected, rel_tol=1e-3)


def test_many_classes_are_compared_with_each_other() -> None:
    network, labels = nn.Linear(4, 101), torch.tensor([0, 0, 1, 1])
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 101))
    inputs = torch.randn(4, 4)
    leaf = inputs.clone().requires_grad_()
    network(leaf).sum().backward()
    first, second = reference(leaf.grad.numpy(), labels.numpy()).values()
    expected = 2 * abs(first / 2 - second / 2) / 2
    assert math.isclose(score(network, "epe_nas", (inputs, labels)), expected, rel_tol=1e-3)


def test_labels_must_be_classes() -> None:
    with pytest.raises(ProxyError, match="the labels are not one class for each example"):
        score(nn.Linear(2, 1), "epe_nas", (torch.ones(2, 2), torch.ones(2)))
