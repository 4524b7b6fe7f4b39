"""What a network gets back after a context in which everything was changed."""

import pytest
import torch
from networks_to_score import Functional, conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.preserved_network import preserved_network


def test_changes_inside_end_with_the_context_also_after_an_error() -> None:
    network = conv_net()
    network(images()[0]).sum().backward()
    weight, gradient = network[0].weight, network[0].weight.grad.clone()
    values = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(KeyError), preserved_network(network):  # noqa: PT012
        network.double().eval().requires_grad_(False)
        nn.init.zeros_(network[0].weight)
        network[0].register_forward_hook(lambda *arguments: None)
        network[0].extra = 3
        network[3] = nn.Identity()
        network[1].forward = lambda inputs: inputs
        raise KeyError
    assert network[0].weight is weight
    assert weight.requires_grad
    assert torch.equal(weight.grad, gradient)
    assert network.training
    assert network[3].training
    assert isinstance(network[3], nn.AvgPool2d | nn.ReLU | nn.Conv2d)
    assert not network[0]._forward_hooks
    assert not hasattr(network[0], "extra")
    assert "forward" not in vars(network[1])
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in values.items())


def test_plain_tensors_counters_and_lists_are_restored() -> None:
    network = Functional()
    with preserved_network(network):
        network(torch.ones(2, 4), torch.ones(2, 3))
        assert network.calls == 1
    assert (network.calls, network.seen) == (0, [])
    assert torch.equal(network.scale, torch.ones(40))


def test_shared_tensors_stay_shared_inside() -> None:
    network = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    network[1].weight = network[0].weight
    with preserved_network(network):
        assert network[1].weight is network[0].weight
        assert len(list(network.parameters())) == 3


def test_copies_have_the_given_type_and_device() -> None:
    network = conv_net().half()
    with preserved_network(network, dtype=torch.float32):
        assert network[0].weight.dtype == torch.float32
        assert network[1].num_batches_tracked.dtype == torch.long
    with preserved_network(network, device="meta"):
        assert network[0].weight.is_meta
    assert network[0].weight.dtype == torch.float16


def test_a_recurrent_layer_uses_the_copies() -> None:
    network = nn.LSTM(3, 4)
    inputs = torch.ones(2, 1, 3)
    before, _ = network(inputs)
    with preserved_network(network):
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
        assert not network(inputs)[0].any()
    assert torch.equal(network(inputs)[0], before)
