"""ZiCo against numpy."""

import math

import numpy as np
import pytest
import torch
from networks_to_score import conv_net, images
from scoring import loss_of, score, weights_of
from torch import nn

from ray_nas.estimators.proxies import ProxyError


def test_it_is_the_gradients_signal_over_their_spread() -> None:
    network, (inputs, labels) = conv_net(), images()
    halves = [(inputs[:4], labels[:4]), (inputs[4:], labels[4:])]
    pairs = [torch.autograd.grad(loss_of(network, half), weights_of(network)) for half in halves]
    expected = 0.0
    for first, second in zip(*pairs, strict=True):
        both = np.stack([first.numpy(), second.numpy()])
        spread = both.std(0)
        varies = spread > 0
        expected += np.log(np.sum(np.abs(both).mean(0)[varies] / spread[varies]))
    assert math.isclose(score(conv_net(), "zico", images()), expected, rel_tol=0.01)


def test_one_example_makes_no_two_batches() -> None:
    with pytest.raises(ProxyError, match="one example cannot be halved"):
        score(nn.Linear(2, 2), "zico", (torch.ones(1, 2), torch.tensor([0])))
