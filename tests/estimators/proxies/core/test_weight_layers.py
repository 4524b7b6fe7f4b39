"""Which parameters are weights of layers, and which layers normalise."""

import pytest
import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.estimators.proxies.core.weight_layers import bypass_norms, layer_weights


def test_weights_are_those_of_convolutions_and_linear_layers() -> None:
    network = conv_net()
    expected = [layer.weight for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all(a is b for a, b in zip(layer_weights(network), expected, strict=True))


def test_a_network_without_weights_is_unsuitable() -> None:
    with pytest.raises(UnsuitableNetworkError, match="no layer with weights"):
        layer_weights(nn.BatchNorm2d(3))


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm2d(3), nn.GroupNorm(3, 3), nn.InstanceNorm2d(3), nn.LayerNorm(8)]
)
def test_norms_are_bypassed(norm: nn.Module) -> None:
    bypass_norms(norm)
    inputs = images()[0]
    assert norm(inputs) is inputs


def test_other_layers_are_not() -> None:
    layer = nn.Linear(2, 2)
    bypass_norms(layer)
    assert layer(torch.zeros(1, 2)).tolist() == [layer.bias.tolist()]
