"""Layers that the macro spaces share."""

import pytest
import torch
from torch import nn

from ray_nas.spaces.model.layers import (
    InvertedResidual,
    SqueezeExcite,
    conv_norm_activation,
    pooled_head,
)


def parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def test_a_convolution_keeps_the_image_or_divides_it_by_its_stride() -> None:
    for kernel in (1, 3, 5):
        for stride in (1, 2):
            layers = conv_norm_activation(3, 4, kernel, stride, activation=nn.SiLU)
            assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.SiLU]
            outputs = nn.Sequential(*layers)(torch.rand(2, 3, 8, 8))
            assert outputs.shape == (2, 4, 8 // stride, 8 // stride)


@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize("fused", [False, True])
def test_inverted_residuals_have_the_parameters_of_the_paper(expansion: int, fused: bool) -> None:
    inputs, width, kernel = 4, 6, 3
    inner = inputs * expansion
    block = InvertedResidual(inputs, width, kernel, 2, expansion, squeeze=False, fused=fused)
    filtered = (inputs if fused else 1) * inner * kernel**2 + 2 * inner
    widened = 0 if fused or expansion == 1 else inputs * inner + 2 * inner
    assert parameters(block) == widened + filtered + inner * width + 2 * width
    assert block(torch.rand(2, inputs, 8, 8)).shape == (2, width, 4, 4)


def test_the_input_is_added_only_where_shapes_are_equal() -> None:
    images = torch.rand(2, 4, 8, 8)
    block = InvertedResidual(4, 4, 3, 1, 2, squeeze=True).eval()
    with torch.no_grad():
        nn.init.zeros_(block.project[0].weight)
        assert torch.equal(block(images), images)
    assert not InvertedResidual(4, 4, 3, 2, 2, squeeze=False).residual
    assert not InvertedResidual(4, 6, 3, 1, 2, squeeze=False).residual


def test_a_head_turns_images_of_any_size_into_vectors() -> None:
    head = pooled_head(3, 16, nn.ReLU6, dropout=0.0)
    for size in (1, 4, 7):
        vectors = head(torch.rand(2, 3, size, size))
        assert vectors.shape == (2, 16)
        assert (vectors >= 0).all()


def test_squeeze_excite_scales_each_channel_by_one_factor() -> None:
    images = torch.rand(2, 4, 8, 8) + 0.1
    factors = SqueezeExcite(4, 2)(images) / images
    assert torch.allclose(factors, factors[:, :, :1, :1].expand_as(factors), atol=1e-5)
    assert (factors > 0).all()
    assert (factors < 1).all()
