"""Pictures of architectures."""

import sys
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from ray_nas.spaces import (
    DARTS,
    HierarchicalSpace,
    InputChoice,
    LayerChoice,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    TransformerSpace,
)
from ray_nas.spaces.model.drawing import picture_of_cell, picture_of_network


def test_a_cell_shows_operations_and_sums_but_not_what_carries_zeros() -> None:
    bench = NASBench201()
    config = bench.from_arch_str(
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    )
    picture = picture_of_cell("cell", bench.cell_graphs(config)["cell"])
    texts = [lines[0] for lines, _ in picture.boxes]
    arrows = {(texts[a], texts[b]) for a, b in picture.arrows}
    chain = ["input", "nor_conv_3x3", "skip_connect", "nor_conv_1x1", "+", "output"]
    assert arrows == set(pairwise(chain)) | {("input", "avg_pool_3x3"), ("avg_pool_3x3", "+")}


class Branches(nn.Module):
    def __init__(self, steers: bool = False) -> None:
        super().__init__()
        self.steers = steers
        self.stem = nn.Conv2d(3, 3, 1)
        self.op = LayerChoice("op", {"pool": lambda: nn.MaxPool2d(3, 1, 1), "skip": nn.Identity})
        self.join = InputChoice("join", 3, 2)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        if self.steers and y.sum() > 0:
            y = -y
        return self.drop(self.join([y, self.op(y), x]))


def test_a_network_is_followed_through_its_forward() -> None:
    network = ModelSpace(Branches).build({"op": "pool", "join": "1+2"})
    picture = picture_of_network("net", network)
    texts = [lines[0] for lines, _ in picture.boxes]
    arrows = {(texts[a], texts[b]) for a, b in picture.arrows}
    assert arrows == {
        ("input", "Conv2d"),
        ("Conv2d", "pool"),
        ("pool", "sum"),
        ("input", "sum"),
        ("sum", "output"),
    }


def test_a_network_that_cannot_be_followed_is_drawn_in_sequence() -> None:
    network = ModelSpace(lambda: Branches(steers=True)).build({"op": "pool", "join": "0+1"})
    picture = picture_of_network("net", network)
    assert [lines[0] for lines, _ in picture.boxes] == [
        "input",
        "Conv2d",
        "pool",
        "sum",
        "Dropout",
        "output",
    ]
    assert picture.arrows == [(i, i + 1) for i in range(5)]


@pytest.mark.parametrize(
    "make",
    [NASBench201, DARTS, HierarchicalSpace, TransformerSpace, MobileNetSpace],
    ids=lambda make: make.__name__,
)
def test_drawings_are_svg_with_every_box_inside_and_none_over_another(make: Any) -> None:
    pytest.importorskip("grandalf")
    space = make()
    root = ElementTree.fromstring(space.draw(space.sample(random_state=0)))
    name = "{http://www.w3.org/2000/svg}"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for group in root.iter(f"{name}g"):
        dx, dy = map(
            float, group.attrib["transform"].removeprefix("translate(").removesuffix(")").split()
        )
        boxes = [
            tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            for rect in group.iter(f"{name}rect")
        ]
        assert len(boxes) >= 3
        for index, (x, y, w, h) in enumerate(boxes):
            assert x + dx >= 0
            assert y + dy >= 0
            assert x + dx + w <= width
            assert y + dy + h <= height
            for a, b, c, d in boxes[:index]:
                assert x >= a + c or a >= x + w or y >= b + d or b >= y + h


def test_without_the_layout_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "grandalf.graphs", None)
    space = NASBench201()
    with pytest.raises(ImportError, match=r"pip install 'ray-nas\[draw\]'"):
        space.draw(space.sample(random_state=0))
