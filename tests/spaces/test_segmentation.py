"""U-Nets: their baseline, their skips, and images of odd sizes."""

import pytest
import torch

from ray_nas.spaces import SegmentationSpace

SPACE = SegmentationSpace((1, 19, 13), 3, widths=[4], max_levels=3)


def test_the_baseline_is_u_net() -> None:
    """31.0 million parameters: https://arxiv.org/abs/1505.04597 with padding and batch norm."""
    space = SegmentationSpace((3, 64, 64), 3)
    assert space.parameter_count(space.baseline) == 31_037_763


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_odd_sizes_come_back(levels: int, upsampling: str) -> None:
    config = SPACE.complete({"levels": levels, "upsampling": upsampling})
    assert SPACE.build(config)(torch.rand(2, 1, 19, 13)).shape == (2, 3, 19, 13)


@pytest.mark.parametrize(("skip", "inputs"), [("concat", 8), ("add", 4), ("none", 4)])
def test_skips(skip: str, inputs: int) -> None:
    network = SPACE.build(SPACE.complete({"levels": 1, "level_0.skip": skip}))
    level = next(iter(network.levels))
    assert next(level.up.parameters()).shape[1] == inputs
    values, skipped = torch.rand(1, 8, 10, 7), torch.rand(1, 4, 19, 13)
    changed = not torch.equal(level(values, skipped), level(values, skipped + 1))
    assert changed == (skip != "none")


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 pixels a side for 4 levels"):
        SegmentationSpace((1, 15, 32), 2)
