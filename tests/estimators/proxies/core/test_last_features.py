"""The features before pooling."""

import pytest
import torch
from networks_to_score import conv_net, images
from torch import nn

from ray_nas.estimators.proxies.core.batches import Batch
from ray_nas.estimators.proxies.core.last_features import last_features
from ray_nas.estimators.proxies.core.proxy_errors import UnsuitableNetworkError
from ray_nas.spaces import NASBench201


def test_they_are_the_map_before_global_pooling() -> None:
    network, (inputs, _) = conv_net().eval(), images()
    features = last_features(network, Batch(inputs, None))
    assert torch.equal(features, network[:-3](inputs))
    space = NASBench201()
    network = space.build(space.sample(random_state=0))
    batch = Batch(torch.randn(2, 3, 32, 32), None)
    assert last_features(network, batch).shape == (2, 64, 8, 8)


def test_no_hook_stays() -> None:
    network = conv_net()
    last_features(network, Batch(images()[0], None))
    assert not any(module._forward_hooks for module in network.modules())


def test_one_layer_has_none() -> None:
    with pytest.raises(UnsuitableNetworkError, match="no layer before its last one"):
        last_features(nn.Linear(3, 2), Batch(torch.ones(2, 3), None))
