"""GPU-friendly stages with compound scaling."""

import pytest
import torch

from ray_nas.spaces import StageSpace

B0 = {"kernel": [3, 3, 5, 3, 5, 5, 3], "expansion": [1, 6, 6, 6, 6, 6, 6]}
"""EfficientNet-B0 (table 1 of the paper)."""


def b0(compound: float) -> dict[str, object]:
    config: dict[str, object] = {"compound": compound}
    for stage, (kernel, expansion) in enumerate(zip(B0["kernel"], B0["expansion"], strict=True)):
        values = {
            "extra": 0,
            "block": "depthwise",
            "kernel": kernel,
            "expansion": expansion,
            "squeeze": True,
        }
        config |= {f"stage_{stage}.{name}": value for name, value in values.items()}
    return config


def test_contains_efficientnet_b0() -> None:
    with torch.device("meta"):
        network = StageSpace().build(b0(0))
        assert network(torch.rand(2, 3, 224, 224)).shape == (2, 1000)
    assert sum(p.numel() for p in network.parameters()) == 5_288_548


def test_one_coefficient_scales_depth_width_and_resolution() -> None:
    space = StageSpace()
    with torch.device("meta"):
        small, large = space.build(b0(0)), space.build(b0(2))
    assert [len(stage) for stage in small.stages] == [1, 2, 2, 3, 3, 4, 1]
    assert [len(stage) for stage in large.stages] == [2, 3, 3, 5, 5, 6, 2]
    assert (small.classifier.in_features, large.classifier.in_features) == (1280, 1552)
    assert (small.resolution, large.resolution) == ((224, 224), (296, 296))
    seen = []
    large.stem.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[2:]))
    large(torch.rand(2, 3, 224, 224, device="meta"))
    assert seen == [(296, 296)]


def test_size_and_errors() -> None:
    stage = 2 * 2 * 2 * 2
    assert StageSpace().size == 4 * (2 * stage) ** 2 * (3 * stage) ** 5
    with pytest.raises(ValueError, match="compounds must be 0 or larger"):
        StageSpace(compounds=[-1, 0])
