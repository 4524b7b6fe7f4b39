"""Detectors: their levels, necks and heads."""

import pytest
import torch

from ray_nas.spaces import DetectionSpace

SPACE = DetectionSpace((3, 33, 40), 2, widths=[4], neck_widths=[8], levels=3)
IMAGES = torch.rand(2, 3, 33, 40)


@pytest.mark.parametrize("neck", ["none", "fpn", "pan"])
def test_each_level_has_classes_a_box_and_a_centre(neck: str) -> None:
    outputs = SPACE.build(SPACE.complete({"neck": neck}))(IMAGES)
    assert [tuple(level.shape) for level in outputs] == [
        (2, 7, 9, 10),
        (2, 7, 5, 5),
        (2, 7, 3, 3),
    ]
    assert all((level[:, 2:6] > 0).all() for level in outputs)


@pytest.mark.parametrize(
    ("neck", "to_fine", "to_coarse"), [("none", 0, 0), ("fpn", 1, 0), ("pan", 1, 1)]
)
def test_necks_pass_between_levels(neck: str, to_fine: bool, to_coarse: bool) -> None:
    layer = SPACE.build(SPACE.complete({"neck": neck})).eval().neck
    levels = [torch.rand(1, width, size, size) for width, size in ((4, 8), (8, 4), (16, 2))]
    before = layer(levels)
    coarse_changed = layer([*levels[:2], levels[2] + 1])
    fine_changed = layer([levels[0] + 1, *levels[1:]])
    assert (not torch.equal(before[0], coarse_changed[0])) == to_fine
    assert (not torch.equal(before[2], fine_changed[2])) == to_coarse


def test_the_baseline_is_fcos() -> None:
    network = SPACE.build(SPACE.baseline)
    assert len(network.head) == 4
    assert len(network.neck.down) == 0
    assert network.neck.adds_coarse


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 pixels a side for 3 levels"):
        DetectionSpace((3, 15, 32), 2)
