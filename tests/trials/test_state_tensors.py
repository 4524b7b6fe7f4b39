"""Tensors of a training's state."""

import torch
from torch import nn

from ray_nas.trials.state_tensors import (
    load_optimizer_tensors,
    merge_parts,
    optimizer_tensors,
    select_part,
    tensors_from_text,
    tensors_to_text,
)


def test_parts_are_merged_and_selected() -> None:
    parts = {"a": {"x": torch.ones(1), "y.z": torch.zeros(1)}, "ab": {"x": torch.full((1,), 2.0)}}
    merged = merge_parts(parts)
    assert list(merged) == ["a.x", "a.y.z", "ab.x"]
    for name, tensors in parts.items():
        assert select_part(merged, name) == tensors


def test_tensors_survive_as_text() -> None:
    tensors = {"a": torch.rand(3, 2).T, "b": torch.arange(4, dtype=torch.uint8)}
    for name, tensor in tensors_from_text(tensors_to_text(tensors)).items():
        assert torch.equal(tensor, tensors[name])
        assert tensor.dtype == tensors[name].dtype


def test_adam_continues_from_its_tensors() -> None:
    def step(weight: nn.Parameter, optimizer: torch.optim.Optimizer, scale: float) -> None:
        optimizer.zero_grad()
        (scale * weight.square()).sum().backward()
        optimizer.step()

    first = nn.Parameter(torch.ones(2))
    adam = torch.optim.Adam([first], 0.1)
    step(first, adam, 1.0)
    second = nn.Parameter(first.detach().clone())
    restored = torch.optim.Adam([second], 0.1)
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(adam).items()}
    load_optimizer_tensors(restored, {**saved, "steps": torch.tensor(3)})
    step(first, adam, 5.0)
    step(second, restored, 5.0)
    assert torch.equal(first, second)
