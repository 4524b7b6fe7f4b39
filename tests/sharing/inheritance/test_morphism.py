"""A changed network starts from its parent's weights, and says truly what that preserved."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks_to_morph import Plain, Tokens, images, outputs, step, trained, vectors, words
from torch import nn

from ray_nas.sharing import copy_weights, morph
from ray_nas.spaces import (
    ChainSpace,
    LayerChoice,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    ValueChoice,
)

SPACES: dict[str, tuple[Callable[[], ModelSpace], Callable[[], torch.Tensor]]] = {
    "plain": (lambda: ModelSpace(Plain), images),
    "tokens": (lambda: ModelSpace(Tokens), words),
    "chain": (
        lambda: ChainSpace((3, 8, 8), stages=2, widths=(4, 8), max_layers_per_stage=2),
        images,
    ),
    "mobilenet": (
        lambda: MobileNetSpace((3, 8, 8), 5, stages=((8, 2, 1), (16, 2, 2)), stem_stride=1),
        images,
    ),
    "cells": (lambda: NASBench201(4, 1), images),
    "mlp": (lambda: MLPSpace(6, 3, max_layers=3, widths=(8, 16)), vectors),
}


CELL = "|skip_connect~0|+|nor_conv_1x1~0|none~1|+|nor_conv_3x3~0|none~1|skip_connect~2|"


@pytest.mark.parametrize(
    ("name", "parent", "change"),
    [
        ("plain", {}, {"width": 8}),
        ("plain", {}, {"kernel": 5}),
        ("plain", {"join": "1"}, {"depth": 1, "op_0": "conv3"}),
        ("plain", {"join": "1"}, {"depth": 2, "op_0": "conv5", "op_1": "conv3"}),
        ("plain", {"depth": 2, "op_0": "conv3", "op_1": "conv3", "join": "1"}, {"op_1": "conv5"}),
        ("plain", {"depth": 1, "op_0": "skip", "join": "1"}, {"op_0": "conv5"}),
        ("plain", {"depth": 1, "op_0": "conv3"}, {"join": "0+1"}),
        (
            "plain",
            {"depth": 1, "op_0": "conv3", "join": "0+1"},
            {"width": 8, "kernel": 5, "op_0": "conv5"},
        ),
        ("tokens", {"head": 4}, {"width": 16}),
        ("tokens", {}, {"depth": 2}),
        ("chain", {"stage_0.layer_0": "sep_conv_5x5"}, {"stage_0.width": 8}),
        ("chain", {}, {"stage_1.depth": 2, "stage_1.layer_1": "sep_conv_5x5"}),
        ("mobilenet", {"stage_0.block_0.squeeze": True}, {"stage_0.block_0.expansion": 6}),
        ("mobilenet", {}, {"stage_1.block_0.kernel": 7}),
        ("mobilenet", {}, {"stage_1.depth": 2}),
        ("cells", NASBench201(4, 1).from_arch_str(CELL), {"edge_1_3": "nor_conv_3x3"}),
        ("cells", NASBench201(4, 1).from_arch_str(CELL), {"edge_0_2": "nor_conv_3x3"}),
        ("mlp", {"activation": "relu", "norm": "batch"}, {"depth": 2, "layer_1.width": 16}),
        ("mlp", {"activation": "tanh", "norm": "none", "depth": 2}, {"layer_0.width": 16}),
    ],
)
def test_growing_preserves_the_function_and_can_be_trained(
    name: str, parent: dict, change: dict
) -> None:
    make_space, make_inputs = SPACES[name]
    space, inputs = make_space(), make_inputs()
    parent = space.complete(parent)
    child = space.complete({**parent, **change})
    assert child != parent
    old = trained(space, parent, inputs)
    weights = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    new, inheritance = morph(space, child, parent=parent, weights=weights, batch=inputs)
    assert new.training
    assert inheritance.kind == "preserved"
    difference = float((outputs(new, inputs) - outputs(old, inputs)).abs().max())
    assert difference == pytest.approx(inheritance.difference, abs=1e-6)
    assert difference <= 1e-5
    assert 0 < inheritance.share <= 1
    assert all(torch.equal(tensor, weights[name]) for name, tensor in old.state_dict().items())
    before = {name: tensor.clone() for name, tensor in new.named_parameters()}
    step(new, inputs, 5)
    moved = [
        name for name, tensor in new.named_parameters() if not torch.equal(tensor, before[name])
    ]
    assert moved == list(before), "nothing is dead"


@pytest.mark.parametrize(
    ("name", "parent", "change"),
    [
        ("plain", {"width": 8}, {"width": 4}),
        ("plain", {"kernel": 5}, {"kernel": 3}),
        ("cells", NASBench201(4, 1).from_arch_str(CELL), {"edge_0_2": "none"}),
        ("mlp", {"activation": "relu", "depth": 2}, {"depth": 1}),
        ("mlp", {"activation": "tanh", "depth": 1, "norm": "none"}, {"depth": 2}),
        ("tokens", {"head": 4}, {"head": 2}),
    ],
)
def test_what_cannot_be_preserved_is_partial(name: str, parent: dict, change: dict) -> None:
    make_space, make_inputs = SPACES[name]
    space, inputs = make_space(), make_inputs()
    parent = space.complete(parent)
    old = trained(space, parent, inputs)
    new, inheritance = morph(
        space,
        space.complete({**parent, **change}),
        parent=parent,
        weights=old.state_dict(),
        batch=inputs,
    )
    if name == "tokens":  # all weights fit, and what they mean does not
        assert inheritance.share == 1
    assert inheritance.kind == "partial"
    assert float((outputs(new, inputs) - outputs(old, inputs)).abs().max()) == pytest.approx(
        inheritance.difference, rel=1e-3
    )


def test_a_smaller_layer_has_the_leading_channels_and_the_middle_of_the_kernel() -> None:
    old, new = nn.Sequential(nn.Conv2d(4, 6, 5)), nn.Sequential(nn.Conv2d(3, 5, 3))
    with pytest.raises(RuntimeError, match="channels"):
        copy_weights(old, new, torch.rand(1, 4, 9, 9))
    assert torch.equal(new[0].weight, old[0].weight[:5, :3, 1:-1, 1:-1])
    assert torch.equal(new[0].bias, old[0].bias[:5])


def test_nothing_shared_is_fresh() -> None:
    space = ModelSpace(
        lambda: LayerChoice(
            "all",
            {"linear": lambda: nn.Linear(6, 3), "deep": lambda: nn.Sequential(nn.Linear(6, 3))},
        )
    )
    parent = {"all": "linear"}
    _, inheritance = morph(
        space,
        {"all": "deep"},
        parent=parent,
        weights=space.build(parent).state_dict(),
        batch=vectors(),
    )
    assert (inheritance.kind, inheritance.share, inheritance.difference) == ("fresh", 0.0, None)


def test_other_weights_than_those_that_changed_are_all_inherited() -> None:
    space, inputs = NASBench201(4, 1), images()
    rng = np.random.default_rng(0)
    for _ in range(8):
        parent = space.sample(random_state=rng)
        child = space.mutate(parent, rng)
        changed = next(label for label in parent if parent[label] != child[label])
        old = trained(space, parent, inputs, steps=1)
        new, _ = morph(space, child, parent=parent, weights=old.state_dict(), batch=inputs)
        theirs = old.state_dict()
        for name, tensor in new.state_dict().items():
            if f".{changed.removeprefix('edge_')}." not in name:
                assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("wrong", ["no batch", "tokens without a batch", "weights", "config"])
def test_bad_arguments_are_named(wrong: str) -> None:
    space = ModelSpace(Plain)
    config = space.complete({})
    weights = space.build(config).state_dict()
    arguments: dict[str, Any] = {
        "config": config,
        "parent": config,
        "weights": weights,
        "batch": images(),
    }
    if wrong == "weights":
        with pytest.raises(RuntimeError, match=r"Missing key.*blocks\.0"):
            morph(space, **{**arguments, "parent": {**config, "depth": 1, "op_0": "conv3"}})
    elif wrong == "config":
        with pytest.raises(ValueError, match=r"config\['width'\] must be one of \[4, 8\], got 5"):
            morph(space, **{**arguments, "config": {**config, "width": 5}})
    else:
        if wrong == "tokens without a batch":
            space = ModelSpace(Tokens, input_shape=(5,), input_dtype=torch.long)
        with pytest.raises(ValueError, match="batch must be given"):
            morph(space, **{**arguments, "batch": None})


def test_tied_weights_count_once() -> None:
    def make() -> nn.Module:
        network = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3))
        network[1].weight = network[0].weight
        return network

    old, new = make(), make()
    assert copy_weights(old, new, vectors()).share == 1
    assert new[1].weight is new[0].weight


def test_a_batch_is_drawn_where_the_space_knows_its_inputs() -> None:
    space = ModelSpace(Plain, input_shape=(3, 8, 8))
    parent = space.complete({"join": "1"})
    child = {**parent, "depth": 1, "op_0": "conv3"}
    _, inheritance = morph(space, child, parent=parent, weights=space.build(parent).state_dict())
    assert inheritance.kind == "preserved"


def test_several_inputs_and_outputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(6, ValueChoice("width", [4, 8]))
            self.heads = nn.ModuleList(
                nn.Linear(self.first.out_features, outputs) for outputs in (2, 3)
            )

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
            hidden = self.first(x * y).relu()
            return {"both": [head(hidden) for head in self.heads]}

    space = ModelSpace(Two)
    weights = space.build({"width": 4}).state_dict()
    _, inheritance = morph(
        space, {"width": 8}, parent={"width": 4}, weights=weights, batch=(vectors(), vectors())
    )
    assert inheritance.kind == "preserved"
    assert inheritance.difference <= 1e-6
