"""Attention is profiled as one kernel, as devices run it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention

from ray_nas.estimators.cost import profile

HeldByTorch = Callable[[nn.Module, torch.Tensor, Any], int]


def test_attention_counts_two_products_and_keeps_no_matrix_of_weights() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    short, long = (profile(layer, (length, 32), batch_size=2) for length in (64, 256))
    linear = 32 * 96 + 32 * 32 + 2 * 32 * 64
    assert long.multiply_adds == 256 * linear + 2 * 256 * 256 * 32
    assert long.activation_bytes == pytest.approx(4 * short.activation_bytes, rel=0.01)


@pytest.mark.parametrize(
    "call",
    [
        scaled_dot_product_attention,
        lambda *tensors: functional.scaled_dot_product_attention(*tensors),
    ],
)
def test_attention_is_one_kernel_however_it_is_imported(
    call: Any, held_by_torch: HeldByTorch
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projections = nn.Linear(32, 96)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return call(*self.projections(x).unflatten(-1, (12, 8)).transpose(1, 2).chunk(3, dim=1))

    model = Net()
    truth = held_by_torch(model, torch.ones(3, 256, 32), torch.optim.AdamW)
    assert profile(model, (256, 32), batch_size=3).peak_memory_bytes == pytest.approx(
        truth, rel=0.01
    )
