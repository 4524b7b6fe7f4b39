"""Chain-structured networks for images."""

import pytest
import torch
from torch import nn

from ray_nas.spaces import ChainSpace

VGG16 = {0: (2, 64), 1: (2, 128), 2: (3, 256), 3: (3, 512), 4: (3, 512)}


def vgg16() -> nn.Sequential:
    """VGG-16's convolutions with batch norm (configuration D) and a linear classifier."""
    layers: list[nn.Module] = []
    channels = 3
    for depth, width in VGG16.values():
        for _ in range(depth):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def test_contains_vgg16() -> None:
    space = ChainSpace(
        (3, 32, 32), 10, stages=5, max_layers_per_stage=3, widths=(64, 128, 256, 512)
    )
    config: dict[str, object] = {}
    for stage, (depth, width) in VGG16.items():
        config |= {
            f"stage_{stage}.width": width,
            f"stage_{stage}.depth": depth,
            f"stage_{stage}.pool": "max",
        }
        config |= {f"stage_{stage}.layer_{i}": "conv_3x3" for i in range(depth)}
    network, paper = space.build(config), vgg16()
    assert sum(p.numel() for p in network.parameters()) == sum(
        p.numel() for p in paper.parameters()
    )
    network.load_state_dict(
        dict(zip(network.state_dict(), paper.state_dict().values(), strict=True))
    )
    images = torch.rand(2, 3, 32, 32)
    assert torch.allclose(network.eval()(images), paper.eval()(images), atol=1e-5)


def test_size_is_the_product_over_stages() -> None:
    assert ChainSpace().size == (4 * 2 * sum(3**depth for depth in range(1, 5))) ** 3
    assert ChainSpace(stages=1, max_layers_per_stage=1, widths=[8]).size == 2 * 3


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 2 \\*\\* stages = 8 pixels"):
        ChainSpace((3, 7, 32))
    with pytest.raises(ValueError, match="max_layers_per_stage must be an integer >= 1, got 0"):
        ChainSpace(max_layers_per_stage=0)
