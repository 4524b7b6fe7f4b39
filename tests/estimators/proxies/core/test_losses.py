"""Losses for labels of each kind."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.losses import batch_loss, loss_gradients
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError


def test_classes_have_cross_entropy() -> None:
    network, labels = nn.Linear(3, 2), torch.tensor([0, 1])
    loss = batch_loss(network, Batch(torch.eye(2, 3), labels))
    assert loss == functional.cross_entropy(network(torch.eye(2, 3)), labels)


def test_pixels_and_tokens_have_classes_on_axis_1_or_last() -> None:
    inputs, labels = torch.randn(2, 3, 4, 4), torch.zeros(2, 4, 4).long()
    pixels = batch_loss(nn.Conv2d(3, 5, 1), Batch(inputs, labels))
    tokens = batch_loss(nn.Linear(3, 5), Batch(inputs.movedim(1, -1), labels))
    assert pixels.shape == tokens.shape == ()


def test_numbers_have_the_squared_error() -> None:
    network, targets = nn.Linear(3, 1), torch.tensor([0.5, 1.5])
    loss = batch_loss(network, Batch(torch.eye(2, 3), targets))
    assert loss == functional.mse_loss(network(torch.eye(2, 3))[:, 0], targets)


def test_gradients_are_those_of_the_loss_and_zero_for_unused_weights() -> None:
    network, unused = nn.Linear(3, 2), nn.Parameter(torch.ones(2, 2))
    batch = Batch(torch.eye(2, 3), torch.tensor([0, 1]))
    gradients = loss_gradients(network, batch, [network.weight, unused])
    batch_loss(network, batch).backward()
    assert torch.equal(gradients[0], network.weight.grad)
    assert not gradients[1].any()


def test_outputs_without_parameters_are_unsuitable() -> None:
    with pytest.raises(UnsuitableNetworkError, match="the outputs depend on no parameter"):
        batch_loss(nn.ReLU(), Batch(torch.ones(2, 2), torch.tensor([0, 1])))
