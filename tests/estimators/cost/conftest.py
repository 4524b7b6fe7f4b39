"""The truth for memory estimates: what torch really holds."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Saved:
    """What autograd's graph keeps of a tensor, for as long as it keeps it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor.detach()


def _held_by_torch(model: nn.Module, inputs: torch.Tensor, make_optimizer: Any) -> int:
    """Bytes held after a real forward pass and a real training step."""
    alive = weakref.WeakSet[Saved]()

    def save(tensor: torch.Tensor) -> Saved:
        saved = Saved(tensor)
        alive.add(saved)
        return saved

    model.train()
    fixed = [*model.parameters(), *model.buffers()]
    optimizer = make_optimizer(list(model.parameters()))
    with torch.autograd.graph.saved_tensors_hooks(save, lambda saved: saved.tensor):
        outputs = model(inputs)
    tensors = [inputs, outputs, *fixed, *(saved.tensor for saved in alive)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    total = sum({storage._cdata: storage.nbytes() for storage in storages}.values())
    outputs.sum().backward()
    optimizer.step()
    total += sum(
        parameter.grad.nbytes for parameter in model.parameters() if parameter.grad is not None
    )
    return total + sum(
        value.nbytes
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )


@pytest.fixture
def held_by_torch() -> Callable[[nn.Module, torch.Tensor, Any], int]:
    return _held_by_torch
