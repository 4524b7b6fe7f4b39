"""What choices yield while a network is defined, built, or made with everything in it."""

import pytest
from torch import nn

from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice, label_prefix
from ray_nas.spaces.model.choice_context import (
    Definition,
    MakeEverything,
    Selection,
    active,
    context_of,
    current_definition,
    prefixed,
)


def network() -> nn.Module:
    def block(index: int) -> nn.Module:
        return LayerChoice(
            f"op_{index}", {"linear": lambda: nn.Linear(4, width), "skip": nn.Identity}
        )

    width = ValueChoice("width", [2, 4])
    return nn.Sequential(Repeat("depth", 1, 2, block))


def test_a_definition_records_choices_and_where_they_are_active() -> None:
    definition = Definition()
    with active(definition):
        assert current_definition() is definition
        network()
    assert list(definition.choices) == ["width", "depth", "op_0", "op_1"]
    assert definition.choices["width"].values == (2, 4)
    assert definition.choices["op_0"].conditions == [None]
    assert definition.choices["op_1"].conditions == [("depth", (2,))]


def test_a_selection_makes_only_what_was_chosen() -> None:
    with active(Selection({"width": 4, "depth": 1, "op_0": "linear"})):
        assert current_definition() is None
        made = network()
    assert [name for name, _ in made.named_parameters()] == [
        "0.0.linear.weight",
        "0.0.linear.bias",
    ]


def test_everything_is_made_with_one_value_for_each_value_choice() -> None:
    choices = ModelSpace(network).choices
    for values, width in (({}, 4), ({"width": 2}, 2)):
        with active(MakeEverything(choices, values)):
            made = network()
        blocks = made[0]
        assert len(blocks) == 2
        assert all({"linear", "skip"} <= dict(block.named_children()).keys() for block in blocks)
        assert blocks[0].linear.out_features == width


def test_everything_of_a_restricted_space_is_what_is_left() -> None:
    part = ModelSpace(network).restrict({"depth": [1], "op_0": ["skip"], "width": [2]})
    blocks = part.build_all({})[0]
    assert len(blocks) == 1
    assert list(dict(blocks[0].named_children())) == ["skip"]


def test_a_choice_that_appears_only_in_built_networks_is_refused() -> None:
    def factory() -> nn.Module:
        width = ValueChoice("width", [2, 4])
        if width == 4:
            ValueChoice("hidden", [1, 2])
        return nn.Linear(2, width)

    with pytest.raises(ValueError, match=r"asks for choice 'hidden'.*callable alternative"):
        ModelSpace(factory).build({"width": 4})


def test_prefixes_nest_and_end_with_their_block() -> None:
    with label_prefix("stage_1"), label_prefix("block_2"):
        assert prefixed("width") == "stage_1.block_2.width"
    with pytest.raises(KeyError), label_prefix("stage_1"):
        raise KeyError
    assert prefixed("width") == "width"
    for name in ("", "a/b", 3):
        with pytest.raises(ValueError, match="label_prefix: label must be a string without '/'"):
            label_prefix(name).__enter__()  # type: ignore[arg-type]


def test_without_a_context_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="wrap the network's class in ModelSpace"):
        context_of("ValueChoice", "width")
