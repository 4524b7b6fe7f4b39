"""Smaller images for the same network."""

import pytest
import torch
from torch import nn

from ray_nas.trials import Resolution


def network(*end: nn.Module) -> nn.Module:
    body = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
    return nn.Sequential(*body, *end)


POOLED = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)


def test_images_keep_their_shape_and_mean() -> None:
    torch.manual_seed(0)
    images = torch.rand(5, 3, 24, 36)
    resolution = Resolution([6, 12, 24])
    for size in resolution:
        resized = resolution(images, size)
        assert resized.shape == (5, 3, size, size * 3 // 2)
        assert torch.allclose(resized.mean((2, 3)), images.mean((2, 3)), atol=0.02)
    assert resolution(images, 24) is images


def test_smaller_images_are_averages_not_samples() -> None:
    stripes = torch.zeros(1, 1, 32, 32)
    stripes[..., ::2] = 1.0
    small = Resolution([8, 32])(stripes, 8)
    assert (small - 0.5).abs().max() < 0.1


def test_a_thin_image_keeps_a_column() -> None:
    assert Resolution([2, 16])(torch.rand(1, 1, 16, 1), 2).shape == (1, 1, 2, 1)


def test_a_network_with_adaptive_pooling_passes_and_is_not_changed() -> None:
    net = network(*POOLED)
    net[1].eval()
    modes = [module.training for module in net.modules()]
    before = {name: value.clone() for name, value in net.state_dict().items()}
    Resolution([2, 4, 8]).check(net, torch.rand(2, 1, 8, 8))
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_network_without_adaptive_pooling_is_refused() -> None:
    flat = network(nn.Flatten(), nn.Linear(4 * 64, 10))
    with pytest.raises(ValueError, match=r"height of 4 it fails: put nn.AdaptiveAvgPool2d\(1\)"):
        Resolution([4, 8]).check(flat, torch.rand(2, 1, 8, 8))
    assert flat.training
    deep = network(nn.MaxPool2d(4), nn.MaxPool2d(2), *POOLED)
    with pytest.raises(ValueError, match=r"height of 4 it fails: .* or use larger sizes"):
        Resolution([4, 8]).check(deep, torch.rand(2, 1, 8, 8))


def test_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 64\) at 4, \(2, 256\) at 8: end it with"):
        Resolution([4, 8]).check(network(nn.Flatten()), torch.rand(2, 1, 8, 8))


def test_bad_input_is_named() -> None:
    for sizes in ([], [8, 4], [4, 4]):
        with pytest.raises(ValueError, match="sizes must be ascending"):
            Resolution(sizes)
    with pytest.raises(ValueError, match="sizes"):
        Resolution([0, 4])
    resolution = Resolution([4, 8])
    with pytest.raises(ValueError, match=r"\(images, channels, height, width\), got \(8, 8\)"):
        resolution(torch.rand(8, 8), 4)
    with pytest.raises(TypeError, match=r"images must be floats, got torch.uint8"):
        resolution(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), 4)
