"""Which activations are seen."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from ray_nas.estimators.proxies.core.activation_patterns import ActivationPatterns

SEEN = [
    *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(), nn.PReLU(), nn.ELU()),
    *(nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.Mish(), nn.SELU(), nn.CELU()),
    *(functional.relu, torch.relu, torch.Tensor.relu, torch.relu_, functional.gelu),
    lambda inputs: functional.relu(input=inputs),
]


@pytest.mark.parametrize("activation", SEEN)
def test_relus_are_seen_once_with_their_inputs(
    activation: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    seen = []
    with ActivationPatterns(lambda inputs: seen.append(inputs.clone())):
        activation(torch.tensor([-2.0, 3.0]))
    assert [inputs.tolist() for inputs in seen] == [[-2.0, 3.0]]


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid(), nn.Identity(), nn.Softmax(0)])
def test_others_are_not(activation: nn.Module) -> None:
    seen = []
    with ActivationPatterns(seen.append):
        activation(torch.tensor([-2.0, 3.0]))
    assert not seen


def test_a_transformers_feed_forward_part_is_seen() -> None:
    seen = []
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    with torch.no_grad(), ActivationPatterns(lambda inputs: seen.append(inputs.shape[-1])):
        layer(torch.ones(2, 3, 4))
    assert seen == [8]
