"""Choices in a network: their errors, their alternatives and inputs."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace, Repeat, ValueChoice


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LayerChoice("op", {}),
            "LayerChoice 'op': alternatives must hold at least one layer",
        ),
        (
            lambda: LayerChoice("op", [nn.Identity, 3]),
            "LayerChoice 'op': alternative 1 must be a module or a callable that makes one, got 3",
        ),
        (
            lambda: InputChoice("from", []),
            "InputChoice 'from': inputs must hold at least one input",
        ),
        (
            lambda: InputChoice("from", 2, chosen=3),
            r"InputChoice 'from': chosen must be in \[1, 2\] or None, got 3",
        ),
        (
            lambda: InputChoice("from", 2, reduction="max"),
            "InputChoice 'from': reduction must be 'sum', 'mean' or 'concat', got 'max'",
        ),
        (
            lambda: Repeat("depth", 3, 2, nn.Identity),
            "Repeat 'depth': the depth must satisfy .*, got low=3, high=2",
        ),
        (
            lambda: nn.Linear(3, ValueChoice("width", [])),
            "ValueChoice 'width': values must hold at least one value",
        ),
        (
            lambda: nn.Linear(3, ValueChoice("width", [4, 4])),
            r"ValueChoice 'width': values must differ, got \[4, 4\]",
        ),
        (
            lambda: nn.Linear(3, ValueChoice("width", [4, "wide"])),
            "ValueChoice 'width': values must be all numbers, all strings or all booleans",
        ),
        (
            lambda: nn.Linear(ValueChoice("w", [1, 2]), ValueChoice("w", [1, 3])),
            r"label 'w' is used for two different choices: .*\[1, 2\].*\[1, 3\]",
        ),
        (
            lambda: LayerChoice("a/b", [nn.Identity]),
            "LayerChoice: label must be a string without '/'",
        ),
        (lambda: nn.Identity(), "factory made a network without a LayerChoice"),
    ],
)
def test_a_wrong_definition_is_an_error_that_names_it(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSpace(make)


def test_choices_outside_of_a_space_say_what_to_do() -> None:
    with pytest.raises(
        RuntimeError,
        match="LayerChoice 'op' outside of a space: wrap the network's class in ModelSpace",
    ):
        LayerChoice("op", [nn.Identity])
    with pytest.raises(TypeError, match=r"factory must make an nn\.Module"):
        ModelSpace(lambda: 3)  # type: ignore[arg-type, return-value]


def test_inputs_are_joined_and_their_layers_exist_only_where_taken() -> None:
    class Join(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.join = InputChoice(
                "from",
                ["a", "b", "c"],
                2,
                make=lambda i: LayerChoice(f"op_{i}", {"x": nn.Identity, "y": nn.ReLU}),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.join([x, 2 * x, -x])

    space = ModelSpace(Join)
    assert space.size == 3 * 4
    x = torch.ones(2)
    assert torch.equal(space.build({"from": "a+b", "op_0": "x", "op_1": "x"})(x), 3 * x)
    assert torch.equal(space.build({"from": "b+c", "op_1": "x", "op_2": "y"})(x), 2 * x)
    with pytest.raises(ValueError, match=r"op_2.*is inactive"):
        space.validate({"from": "a+b", "op_0": "x", "op_1": "x", "op_2": "x"})
    for reduction, expected in (
        ("mean", 1.5 * x),
        ("concat", torch.cat([x[None], 2 * x[None]], 1)),
    ):
        joined = ModelSpace(partial(InputChoice, "from", 2, None, reduction)).build({"from": "0+1"})
        assert torch.equal(joined([x[None], 2 * x[None]]).reshape(expected.shape), expected)


def test_names_of_alternatives_may_be_anything() -> None:
    space = ModelSpace(
        lambda: LayerChoice(
            "op", {"half": nn.Identity, "a.b": nn.ReLU, "training": nn.Tanh, "chosen": nn.GELU}
        )
    )
    for config in space.grid():
        assert space.build(config)(torch.zeros(1)).item() == 0.0


def test_repeated_blocks_hold_their_own_choices() -> None:
    def make(index: int) -> nn.Module:
        return nn.Linear(3, 3, bias=ValueChoice(f"bias_{index}", [False, True]))

    space = ModelSpace(partial(Repeat, "depth", 0, 2, make))
    assert space.size == 1 + 2 + 4
    blocks = space.build({"depth": 2, "bias_0": True, "bias_1": False})
    assert [block.bias is not None for block in blocks] == [True, False]
    assert len(space.build({"depth": 0})) == 0


def test_a_fixed_repeat_adds_no_parameter() -> None:
    space = ModelSpace(
        lambda: nn.Sequential(
            nn.Linear(2, ValueChoice("width", [1, 2])), Repeat("depth", 2, 2, lambda i: nn.ReLU())
        )
    )
    assert list(space.config_space) == ["width"]
    assert len(space.build({"width": 1})[1]) == 2


def test_a_value_choice_yields_the_plain_value() -> None:
    space = ModelSpace(
        lambda: nn.Sequential(
            ValueChoice("activation", {"relu": nn.ReLU, "gelu": nn.GELU})(),
            nn.Linear(2, 3 * ValueChoice("width", [4, 2])),
        )
    )
    assert space.config_space["width"].sequence == (2, 4), "numbers are searched in ascending order"
    network = space.build({"activation": "gelu", "width": 4})
    assert isinstance(network[0], nn.GELU)
    assert network[1].out_features == 12
