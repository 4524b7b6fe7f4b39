"""Q-networks and policies: what they return, and their baselines."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import PolicySpace


def linear_sizes(network: nn.Module) -> list[int]:
    return [layer.out_features for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_the_baselines_have_two_layers_of_64() -> None:
    policy = PolicySpace(4, 2)
    assert linear_sizes(policy.build(policy.baseline)) == [64, 64, 2, 64, 64, 1]
    q = PolicySpace(4, 2, kind="q")
    assert linear_sizes(q.build(q.baseline)) == [64, 64, 2]


def test_a_shared_trunk_learns_from_the_value_and_a_separate_one_does_not() -> None:
    space = PolicySpace(4, 2)
    for trunk, learns in (("shared", True), ("separate", False)):
        network = space.build(space.complete({"trunk": trunk}))
        logits, value = network(torch.rand(3, 4))
        assert (logits.shape, value.shape) == ((3, 2), (3,))
        value.sum().backward()
        assert any(p.grad is not None for p in network.actor.parameters()) == learns


def test_advantages_of_a_dueling_head_have_mean_zero() -> None:
    space = PolicySpace(4, 3, kind="q")
    network = space.build(space.complete({"head": "dueling"}))
    layers, head = network
    values = layers(torch.rand(5, 4))
    mean = head(values).mean(1, keepdim=True)
    assert torch.allclose(mean, head.dueling.value(values), atol=1e-6)


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="kind must be one of policy, q, got 'actor'"):
        PolicySpace(4, 2, kind="actor")
