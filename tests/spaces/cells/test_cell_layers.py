"""Layers of cell spaces."""

import pytest
import torch
from torch import nn

from ray_nas.spaces.cells.cell_layers import (
    EDGES,
    Reduction,
    SumCell,
    Zero,
    relu_conv_norm,
    relu_depthwise_norm,
)

IMAGES = torch.rand(2, 4, 8, 8)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_images_keep_their_size_or_are_halved(kernel: int, stride: int) -> None:
    size = 8 // stride
    assert relu_conv_norm(4, 6, kernel, stride)(IMAGES).shape == (2, 6, size, size)
    if kernel == 1:
        return
    for dilation in (1, 2):
        layers = nn.Sequential(*relu_depthwise_norm(4, kernel, stride, dilation))
        assert layers(IMAGES).shape == (2, 4, size, size)


def test_batch_norms_learn_a_scale_only_if_affine() -> None:
    for affine in (False, True):
        norms = [relu_conv_norm(4, 4, 1, affine=affine)[-1]]
        norms.append(relu_depthwise_norm(4, 3, affine=affine)[-1])
        assert all((norm.weight is not None) == affine for norm in norms)


def test_depthwise_filters_do_not_mix_channels() -> None:
    layers = nn.Sequential(*relu_depthwise_norm(4, 3)[:2])
    changed = IMAGES.clone()
    changed[:, 0] += 1
    difference = (layers(changed) - layers(IMAGES)).abs().sum((0, 2, 3))
    assert difference[0] > 0
    assert difference[1:].tolist() == [0.0, 0.0, 0.0]


def test_zero_is_zero_and_a_reduction_halves_the_image() -> None:
    assert not Zero()(IMAGES).any()
    assert Reduction(4, 8)(IMAGES).shape == (2, 8, 4, 4)
    assert Reduction(4, 8)(torch.rand(2, 4, 7, 7)).shape == (2, 8, 4, 4), "odd sizes round up"


class Times(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.factor * inputs


def test_nodes_of_a_sum_cell_add_up_their_edges() -> None:
    factors = dict(zip(EDGES, (2, 3, 5, 7, 11, 13), strict=True))
    cell = SumCell(lambda source, node: Times(factors[source, node]))
    node_1 = 2 * IMAGES
    node_2 = 3 * IMAGES + 5 * node_1
    torch.testing.assert_close(cell(IMAGES), 7 * IMAGES + 11 * node_1 + 13 * node_2)
