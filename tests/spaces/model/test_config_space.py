"""Choices as parameters, conditions and forbidden clauses."""

from functools import partial

import pytest
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)
from torch import nn

from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice
from ray_nas.spaces.model.choice_context import Choice
from ray_nas.spaces.model.config_space import config_space_of, reachable


class Net(nn.Sequential):
    def __init__(self) -> None:
        width = ValueChoice("width", [8, 16])
        super().__init__(nn.Conv2d(1, width, 3), Repeat("depth", 1, 3, partial(self.block, width)))

    @staticmethod
    def block(width: int, i: int) -> nn.Module:
        def conv() -> nn.Module:
            return nn.Conv2d(width, width, ValueChoice(f"kernel_{i}", [1, 3, 5]), padding="same")

        return LayerChoice(f"block_{i}", {"conv": conv, "skip": nn.Identity})


def test_forbidden_combinations_are_clauses_of_the_config_space() -> None:
    space = ModelSpace(Net, forbidden=[{"width": 16, "depth": [2, 3]}])
    assert len(space.config_space.forbidden_clauses) == 1
    assert space.size == 4 + 4 + 16 + 64
    with pytest.raises(ValueError, match="config is forbidden by"):
        space.validate({"width": 16, "depth": 2, "block_0": "skip", "block_1": "skip"})
    for forbidden, message in [
        ({"wide": 1}, "names an unknown choice 'wide'"),
        ({"width": 5}, r"must be among \[8, 16\], got \[5\]"),
        ({}, "is empty"),
        ({"width": 8, "depth": 1}, "excludes the first values"),
    ]:
        with pytest.raises(ValueError, match=message):
            ModelSpace(Net, forbidden=[forbidden])


def test_kinds_of_choices_become_kinds_of_parameters() -> None:
    choices = {
        "depth": Choice("depth", "Repeat", (1, 2, 3), True, 1, [None]),
        "width": Choice("width", "ValueChoice", (8, 16), True, 16, [None]),
        "op": Choice("op", "LayerChoice", ("conv", "skip"), False, "conv", [None]),
        "kernel": Choice("kernel", "ValueChoice", (1, 3), True, 1, [("op", ("conv",))]),
    }
    space = config_space_of(choices, [])
    assert isinstance(space["depth"], UniformIntegerHyperparameter)
    assert isinstance(space["width"], OrdinalHyperparameter)
    assert isinstance(space["op"], CategoricalHyperparameter)
    (condition,) = space.conditions
    assert (condition.child.name, condition.parent.name, condition.value) == (
        "kernel",
        "op",
        "conv",
    )


def test_choices_that_no_config_can_reach_are_removed() -> None:
    choices = {
        "op": Choice("op", "LayerChoice", ("skip",), False, "skip", [None]),
        "kernel": Choice("kernel", "ValueChoice", (1, 3), True, 1, [("op", ("conv",))]),
        "inner": Choice("inner", "ValueChoice", (1, 2), True, 1, [("kernel", (3,))]),
    }
    assert list(reachable(choices)) == ["op"]
