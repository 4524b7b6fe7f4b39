"""The deepest layer that fails on its own is named."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ray_nas.export.untraceable_layer import describe_failure


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"good": nn.Linear(2, 2), "bad": nn.Tanh()})

    def forward(self, x: torch.Tensor, scale: float) -> torch.Tensor:
        return self.layers["bad"](self.layers["good"](x)) * scale


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.block = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.block(x), 2.0)


def refuse(kind: type[nn.Module]) -> Any:
    def write(module: nn.Module, inputs: tuple[Any, ...], path: Path) -> None:
        if any(isinstance(part, kind) for part in module.modules()):
            raise RuntimeError("no " + "x" * 1000)

    return write


def test_the_deepest_layer_is_named() -> None:
    inputs, error = (torch.rand(1, 2),), RuntimeError("all")
    text = describe_failure(refuse(nn.Tanh), Outer(), inputs, error)
    assert text.startswith("layer 'block.1' (Tanh) cannot be exported: RuntimeError: no xxx")
    assert len(text) < 400


def test_a_network_whose_parts_are_fine_is_to_blame_itself() -> None:
    text = describe_failure(refuse(Outer), Outer(), (torch.rand(1, 2),), RuntimeError("all"))
    assert text == "Outer cannot be exported: RuntimeError: all"
