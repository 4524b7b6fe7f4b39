"""A user's own network as a space: its errors, parts of it, spaces in spaces."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    HierarchicalSpace,
    LayerChoice,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    Repeat,
    ValueChoice,
    label_prefix,
)

torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, head: int | None = None) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.stem = nn.Conv2d(1, width, 3)
        self.blocks = Repeat(
            "depth",
            1,
            3,
            lambda i: LayerChoice(
                f"block_{i}", {"conv": partial(self.conv, width, i), "skip": nn.Identity}
            ),
        )
        self.head = nn.Linear(head or width, 10)

    @staticmethod
    def conv(width: int, i: int) -> nn.Module:
        return nn.Conv2d(width, width, ValueChoice(f"kernel_{i}", [1, 3, 5]), padding="same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def test_a_built_network_holds_only_what_was_chosen() -> None:
    network = ModelSpace(Net).build(
        {"width": 16, "depth": 2, "block_0": "conv", "kernel_0": 3, "block_1": "skip"}
    )
    by_hand = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3, padding="same"), nn.Linear(16, 10)
    )
    assert sum(p.numel() for p in network.parameters()) == sum(
        p.numel() for p in by_hand.parameters()
    )
    assert list(network.state_dict()) == [
        f"{place}.{name}"
        for place in ("stem", "blocks.0.conv", "head")
        for name in ("weight", "bias")
    ]


def test_the_tree_of_choices() -> None:
    assert str(ModelSpace(Net)).splitlines() == [
        "ModelSpace of Net: 168 architectures",
        "  width: 8, 16",
        "  depth: 1 to 3 blocks",
        "    block_1: conv, skip  [if depth >= 2]",
        "      kernel_1: 1, 3, 5  [if block_1 = conv]",
        "    block_2: conv, skip  [if depth = 3]",
        "      kernel_2: 1, 3, 5  [if block_2 = conv]",
        "  block_0: conv, skip",
        "    kernel_0: 1, 3, 5  [if block_0 = conv]",
    ]
    assert str(DARTS()).startswith("DARTS: 1.1e+18 architectures")


def test_the_tree_of_choices_marks_the_networks_own_value() -> None:
    space = ModelSpace(lambda: nn.Linear(4, ValueChoice("width", [16, 8, 32])))
    assert str(space).splitlines()[1] == "  width: 8, 16, 32 (first: 16)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 3}, "unknown parameter 'hidden'; the parameters are .*width"),
        ({"width": 12}, r"config\['width'\] must be one of \[8, 16\], got 12"),
        ({"block_0": None}, r"config\['block_0'\] must be one of \['conv', 'skip'\], got None"),
        (
            {"kernel_1": 3},
            r"config\['kernel_1'\] is inactive here and must be left out: "
            r"kernel_1 \| block_1 == 'conv'",
        ),
    ],
)
def test_a_wrong_config_is_an_error_that_names_the_parameter(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSpace(Net).validate({"width": 8, "depth": 1, "block_0": "skip"} | change)


def test_a_part_of_a_space_keeps_the_meaning_of_its_configs() -> None:
    space = ModelSpace(Net)
    part = space.restrict({"depth": [1, 3], "block_0": ["conv"]}).fix({"width": 16})
    assert part.size == 3 * (1 + 4 * 4)
    assert space.size == 168
    for config in part.sample(size=20, random_state=np.random.default_rng(0)):
        space.validate(config)
        assert part.build(config).state_dict().keys() == space.build(config).state_dict().keys()
    assert {tuple(c.items()) for c in part.grid()} < {tuple(c.items()) for c in space.grid()}
    skips = space.fix({"block_0": "skip", "depth": 1})
    assert list(skips.config_space) == ["depth", "width", "block_0"] or set(skips.config_space) == {
        "depth",
        "width",
        "block_0",
    }
    with pytest.raises(ValueError, match="unknown choice 'hidden'"):
        space.fix({"hidden": 1})
    with pytest.raises(
        ValueError, match=r"'width' must be restricted to some of \[8, 16\], got \[7\]"
    ):
        space.fix({"width": 7})


@pytest.mark.parametrize(
    ("space", "values"),
    [
        (NASBench201(channels=4, cells_per_stage=1), {"edge_0_1": "none"}),
        (DARTS((3, 8, 8), channels=4, num_cells=3), {"normal.node_3.inputs": "0+1"}),
        (
            HierarchicalSpace((3, 8, 8), channels=4, max_cells_per_stage=1),
            {f"stage_{i}.cell": "0" for i in range(3)},
        ),
        (MobileNetSpace((3, 8, 8), stages=((8, 2, 1),)), {"stage_0.block_0.kernel": 5}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ModelSpace) else "values",
)
def test_ready_made_spaces_can_be_fixed(space: ModelSpace, values: dict[str, Any]) -> None:
    part = space.fix(values)
    assert type(part) is type(space)
    assert part.size < space.size
    config = part.sample(random_state=0)
    assert config.items() >= values.items()
    assert part.canonical(config) == space.canonical(config)
    small, large = part.supernet().state_dict(), space.supernet().state_dict()
    assert small.keys() < large.keys() or any(
        small[name].shape != large[name].shape for name in small
    )
    assert (
        part.supernet().eval()(torch.rand(2, 3, 8, 8), config).shape
        == space.build(config)(torch.rand(2, 3, 8, 8)).shape
    )


def test_old_results_go_into_an_edited_space() -> None:
    old = ChainSpace((3, 16, 16), max_layers_per_stage=2, widths=(16, 32))
    extended = ChainSpace((3, 16, 16), max_layers_per_stage=4, widths=(8, 16, 32, 64))
    for config in old.sample(size=10, random_state=np.random.default_rng(0)):
        assert extended.translate(config) == config
    narrower = ChainSpace((3, 16, 16), max_layers_per_stage=2, widths=(16, 64))
    config = old.sample(random_state=0)
    assert narrower.translate({**config, "stage_0.width": 32}) is None
    assert narrower.translate({**config, "gone": 1}) is None

    def edited() -> nn.Module:
        return nn.Sequential(Net(), nn.Dropout(ValueChoice("dropout", [0.0, 0.5])))

    before = {"width": 8, "depth": 1, "block_0": "skip"}
    assert ModelSpace(edited).translate(before) == before | {"dropout": 0.0}
    assert (
        ModelSpace(edited).translate({"width": 8, "depth": 1, "block_0": "skip", "kernel_0": 1})
        is None
    )


def light(config: dict[str, Any]) -> bool:
    return not (config["width"] == 16 and config["depth"] == 3)


def test_spaces_nest_with_readable_names_and_keep_their_limits() -> None:
    inner = ModelSpace(Net, rules=[light], forbidden=[{"width": 16, "block_0": "conv"}])
    inner = inner.restrict({"depth": [1, 3], "kernel_0": [1], "kernel_1": [1], "kernel_2": [1]})

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = inner.embed("left"), inner.embed("right")
            with label_prefix("head"), label_prefix("last"):
                self.head = nn.Linear(10, ValueChoice("width", [2, 4]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.left(x) + self.right(x))

    space = ModelSpace(Outer)
    assert {"left.width", "right.block_2", "head.last.width"} <= set(space.config_space)
    assert space.size == inner.size**2 * 2
    config = space.sample(random_state=0)
    assert space.build(config)(torch.rand(2, 1, 8, 8)).shape == (2, config["head.last.width"])
    wide = {
        f"left.{name}": v
        for name, v in {
            "width": 16,
            "depth": 3,
            "block_0": "skip",
            "block_1": "skip",
            "block_2": "skip",
        }.items()
    }
    rest = {name: value for name, value in config.items() if not name.startswith("left.")}
    with pytest.raises(ValueError, match="breaks the rule light of left"):
        space.validate(wide | rest)
