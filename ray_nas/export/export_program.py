"""`torch.export` with a batch of any size where the network allows it."""

import inspect
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree


def export_program(network: nn.Module, inputs: tuple[Any, ...]) -> torch.export.ExportedProgram:
    """The network in evaluation mode, as a program of ATen operations.

    Args:
        network: The network, on the CPU.
        inputs: Example inputs, whose first dimension is the batch.

    Example:
        >>> program = export_program(nn.Linear(2, 1), (torch.rand(4, 2),))
        >>> program.module()(torch.rand(7, 2)).shape
        torch.Size([7, 1])
    """
    examples = _pytree.tree_map(_at_least_two, inputs)
    named = inspect.signature(network.forward).bind(*examples).arguments
    shapes = _pytree.tree_map(_free_batch, dict(named))
    with quiet():
        return torch.export.export(network.eval(), examples, dynamic_shapes=shapes)


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's warnings about itself, and without the program that it prints if it fails."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _at_least_two(value: Any) -> Any:
    """A batch of one as a batch of two: torch takes a 1 for a constant."""
    is_single = isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == 1
    return torch.cat([value, value]) if is_single else value


def _free_batch(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.ndim > 0:
        return {0: torch.export.Dim.AUTO}
    return None
