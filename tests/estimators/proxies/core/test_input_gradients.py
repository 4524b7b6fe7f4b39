"""Gradients with respect to the examples."""

import pytest
import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.input_gradients import input_gradients
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError


def test_they_are_those_of_the_sum_of_the_outputs() -> None:
    network, (inputs, _) = conv_net(), images()
    network[7].eval()
    found, outputs = input_gradients(network, Batch(inputs, None))
    leaf = inputs.clone().requires_grad_()
    network(leaf).sum().backward()
    torch.testing.assert_close(found, leaf.grad.flatten(1).double(), atol=1e-5, rtol=1e-4)
    assert outputs.shape == (8, 3)


def test_an_input_changed_in_place_has_its_gradient() -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 1))
    found, _ = input_gradients(network, Batch(torch.tensor([[1.0, -1.0]]), None))
    assert found.tolist() == [[float(network[1].weight[0, 0]), 0.0]]


def test_integers_have_no_gradient() -> None:
    with pytest.raises(UnsuitableNetworkError, match="the inputs are integers"):
        input_gradients(nn.Embedding(4, 2), Batch(torch.ones(2, 3).long(), None))


def test_outputs_without_inputs_have_a_gradient_of_zero() -> None:
    class Constant(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(inputs), 2)

    assert input_gradients(Constant(), Batch(torch.ones(2, 3), None))[0].tolist() == [[0] * 3] * 2
