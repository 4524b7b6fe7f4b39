"""Choices whose shapes do not fit are found before the first trial."""

from functools import partial

import pytest
import torch
from torch import nn

from ray_nas.spaces import LayerChoice, ModelSpace, ValueChoice


class Net(nn.Module):
    """A head of fixed width fits one of the two widths."""

    def __init__(self, head: int | None = None) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.stem = nn.Conv2d(1, width, 3)
        self.head = nn.Linear(head or width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stem(x).mean((2, 3)))


def test_a_choice_that_does_not_fit_is_found_when_the_space_is_defined() -> None:
    assert ModelSpace(Net, input_shape=(1, 8, 8)).input_shape == (1, 8, 8)
    with pytest.raises(
        ValueError,
        match=r"choice 'width' = 16 does not fit inputs of shape \(1, 8, 8\): "
        r"in layer 'head' \(Linear\): RuntimeError",
    ):
        ModelSpace(partial(Net, head=8), input_shape=(1, 8, 8))
    with pytest.raises(
        ValueError,
        match=r"with the first value of every choice.*\(3, 8, 8\): in layer 'stem' \(Conv2d\)",
    ):
        ModelSpace(Net, input_shape=(3, 8, 8))

    def groups() -> nn.Module:
        return nn.Conv2d(4, 4, 1, groups=ValueChoice("groups", [1, 3]))

    with pytest.raises(
        ValueError,
        match=r"choice 'groups' = 3 does not fit .*: "
        r"ValueError: in_channels must be divisible by groups",
    ):
        ModelSpace(groups, input_shape=(4, 8, 8))

    def nested() -> nn.Module:
        return LayerChoice(
            "op", {"skip": nn.Identity, "conv": lambda: nn.Conv2d(ValueChoice("in", [4, 5]), 4, 1)}
        )

    with pytest.raises(ValueError, match="choice 'in' = 5 does not fit"):
        ModelSpace(nested, input_shape=(4, 8, 8))
    tokens = ModelSpace(
        lambda: nn.Embedding(10, ValueChoice("width", [2, 4])),
        input_shape=(5,),
        input_dtype=torch.long,
    )
    assert tokens.input_dtype == torch.long


def test_networks_that_a_rule_excludes_are_not_run() -> None:
    def narrow(config: dict[str, int]) -> bool:
        return config["width"] == 8

    space = ModelSpace(partial(Net, head=8), rules=[narrow], input_shape=(1, 8, 8))
    assert space.sample(random_state=0) == {"width": 8}
