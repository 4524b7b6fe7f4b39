"""Finds the layer because of which a network cannot be exported."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.utils import _pytree

_LENGTH: Final = 300

Write = Callable[[nn.Module, tuple[Any, ...], Path], Any]


def describe_failure(
    write: Write, network: nn.Module, inputs: tuple[Any, ...], error: Exception
) -> str:
    """Names the layer that cannot be exported, and says why.

    Args:
        write: Exports a module; it failed on the network.
        network: The network, in evaluation mode.
        inputs: Its example inputs.
        error: Why it failed.

    Example:
        >>> class Sign(nn.Module):
        ...     def forward(self, x):
        ...         return x if x.sum() > 0 else -x
        >>> def write(module, inputs, path):
        ...     0 if isinstance(module, nn.ReLU) else 1 / 0
        >>> describe_failure(write, nn.Sequential(nn.ReLU(), Sign()), (torch.ones(1),), OSError(""))
        "layer '1' (Sign) cannot be exported: ZeroDivisionError: division by zero"
    """
    path, layer, cause = _deepest_failure(write, network, "", inputs, error)
    place = f"layer {path!r} ({type(layer).__name__})" if path else f"{type(layer).__name__}"
    return f"{place} cannot be exported: {_in_short(cause)}"


def _in_short(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    shortened = text if len(text) <= _LENGTH else f"{text[:_LENGTH]}..."
    if type(error).__name__.startswith("GuardOnDataDependent"):
        reason = "its Python code depends on the values of a tensor, as `if x.sum() > 0` does"
        return f"{reason} ({text[:99]}...)"
    return shortened


def _deepest_failure(
    write: Write, module: nn.Module, path: str, inputs: tuple[Any, ...], error: Exception
) -> tuple[str, nn.Module, Exception]:
    """The first part that fails on its own, and in it the first part that does, and so on."""
    for name, child, arguments in _calls_of_children(module, inputs):
        failure = _failure(write, child, arguments)
        if failure is not None:
            full = f"{path}.{name}" if path else name
            return _deepest_failure(write, child, full, arguments, failure)
    return path, module, error


def _failure(write: Write, module: nn.Module, arguments: tuple[Any, ...]) -> Exception | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            write(module, arguments, Path(folder) / "part")
        except Exception as error:
            return error
    return None


@torch.no_grad()
def _calls_of_children(
    module: nn.Module, inputs: tuple[Any, ...]
) -> list[tuple[str, nn.Module, tuple[Any, ...]]]:
    """Name, module and arguments of each part that the module calls with tensors alone.

    Parts in lists and dicts of modules, which are not called themselves, are looked into.
    """
    found: list[tuple[str, nn.Module, tuple[Any, ...]]] = []
    handles = []
    for name, child in _called_parts(module, ""):

        def save(part: nn.Module, arguments: tuple[Any, ...], name: str = name) -> None:
            if all(isinstance(leaf, torch.Tensor) for leaf in _pytree.tree_leaves(arguments)):
                found.append((name, part, arguments))

        handles.append(child.register_forward_pre_hook(save))
    try:
        module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _called_parts(module: nn.Module, path: str) -> list[tuple[str, nn.Module]]:
    parts = []
    for name, child in module.named_children():
        full = f"{path}.{name}" if path else name
        is_container = isinstance(child, nn.ModuleList | nn.ModuleDict)
        parts += _called_parts(child, full) if is_container else [(full, child)]
    return parts
