"""Pictures of architectures."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from ray_nas.spaces import (
    InputChoice,
    LayerChoice,
    ModelSpace,
    NASBench201,
)
from ray_nas.spaces.model.drawing import picture_of_cell, picture_of_network
from ray_nas.spaces.model.svg_layout import Picture


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


def changed(picture: Picture) -> list[str]:
    return [lines[0] for lines, kind in picture.boxes if kind.endswith(" changed")]


def test_changed_operations_of_a_cell_are_marked() -> None:
    bench = NASBench201()
    before = bench.from_arch_str(
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    )
    after = {**before, "edge_0_1": "nor_conv_1x1", "edge_0_2": "skip_connect"}
    cells = [bench.cell_graphs(config)["cell"] for config in (after, before)]
    assert sorted(changed(picture_of_cell("cell", *cells))) == ["nor_conv_1x1", "skip_connect"]
    assert changed(picture_of_cell("cell", cells[0], cells[0])) == []
    assert changed(picture_of_cell("cell", cells[0])) == []
    assert bench.draw(after, baseline=before).count('class="choice changed"') == 2


@pytest.mark.parametrize("steers", [False, True])
def test_changed_layers_of_a_network_are_marked(steers: bool) -> None:
    space = ModelSpace(lambda: Branches(steers))
    networks = [space.build({"op": op, "join": "0+1"}) for op in ("pool", "skip")]
    assert changed(picture_of_network("net", *networks)) == ["pool"]
    assert changed(picture_of_network("net", networks[0], networks[0])) == []
    assert changed(picture_of_network("net", networks[0])) == []


def test_a_baseline_outside_of_the_space_is_refused() -> None:
    bench = NASBench201()
    with pytest.raises(ValueError, match="edge_0_1"):
        bench.draw(bench.sample(random_state=0), baseline={})
