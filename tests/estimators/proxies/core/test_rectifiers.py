from collections.abc import Callable

import pytest
import torch
from torch import nn

from ray_nas.estimators.proxies.core.rectifiers import RectifierCheck


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        *((nn.ReLU(), True), (nn.ReLU(inplace=True), True), (nn.ReLU6(), True)),
        *((nn.LeakyReLU(), True), (nn.PReLU(), True), (torch.relu, True)),
        *((nn.functional.relu, True), (torch.Tensor.relu_, True)),
        *((nn.GELU(), False), (nn.SiLU(), False), (nn.Tanh(), False), (nn.SELU(), False)),
    ],
)
def test_rectifiers_are_seen_and_smooth_activations_are_not(
    activation: Callable[[torch.Tensor], torch.Tensor], expected: bool
) -> None:
    with RectifierCheck() as check:
        activation(torch.randn(3))
    assert check.found == expected
