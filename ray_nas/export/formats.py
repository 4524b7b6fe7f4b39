"""Writes a network to a file: weights with a Python module, a program of torch, or ONNX."""

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import nn

from ray_nas.export.export_error import ExportError
from ray_nas.export.export_program import export_program, quiet
from ray_nas.export.plain_code.module_code import module_source
from ray_nas.export.plain_code.traced_network import (
    TracedNetwork,
    trace_layers,
    trace_operations,
)
from ray_nas.export.untraceable_layer import describe_failure

Format: TypeAlias = Literal["state_dict", "torch_export", "onnx"]
Writer: TypeAlias = Callable[[nn.Module, tuple[Any, ...], Path], list[Path]]
"""Takes a network in evaluation mode, example inputs and the path; returns the files written."""

_ONNX_PACKAGES: Final = ("onnx", "onnxscript", "onnxruntime")


def write_state_dict(network: nn.Module, inputs: tuple[Any, ...], path: Path) -> list[Path]:
    """Writes the weights, and beside them `NAME_model.py`, which rebuilds the network in torch.

    The module keeps the network's layers and their names if `torch.fx` can trace it. Otherwise it
    holds the operations that `torch.export` finds; it then computes the same, but is not readable.

    Raises:
        Exception: What the tracers raise; `untraceable_layer` finds the layer.
    """
    traced = _trace(network, inputs)
    model = model_path(path)
    model.write_text(module_source(traced, _title(traced, path)))
    torch.save({name: _plain(tensor) for name, tensor in traced.tensors().items()}, path)
    return [path, model]


def _title(traced: TracedNetwork, path: Path) -> str:
    title = f"The network in {path.name}, in torch alone, written by ray_nas."
    if traced.by == "torch.fx":
        return title
    return (
        f"{title}\n\nIts layers could not be traced, so it holds basic operations, as they are in "
        "evaluation\nmode. Do not train it.\n"
    )


def model_path(path: Path) -> Path:
    """The Python module beside a file of weights.

    Example:
        >>> model_path(Path("winner.pt")).name
        'winner_model.py'
    """
    stem = "".join(char if char.isalnum() else "_" for char in path.stem)
    return path.with_name(f"{stem}_model.py")


def _trace(network: nn.Module, inputs: tuple[Any, ...]) -> TracedNetwork:
    try:
        traced = trace_layers(network)
        module_source(traced, "")
        if _computes_the_same(network, traced, inputs):
            return traced
    except Exception:  # whatever stops one tracer, the other is the next attempt
        pass
    return trace_operations(network, inputs)


@torch.no_grad()
def _computes_the_same(network: nn.Module, traced: TracedNetwork, inputs: tuple[Any, ...]) -> bool:
    """Whether the traced graph gives the network's outputs."""
    module = torch.fx.GraphModule(traced.root, traced.graph).eval()
    expected, found = network(*inputs), module(*inputs)
    torch.testing.assert_close(found, expected, equal_nan=True)
    return True


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous().clone()


def write_program(network: nn.Module, inputs: tuple[Any, ...], path: Path) -> list[Path]:
    """Writes a program for `torch.export.load`."""
    program = export_program(network, inputs)
    with quiet(), path.open("wb") as file:
        torch.export.save(program, file)
    return [path]


def write_onnx(network: nn.Module, inputs: tuple[Any, ...], path: Path) -> list[Path]:
    """Writes an ONNX model; the first dimension of inputs and outputs is the batch.

    Raises:
        ImportError: The extra `onnx` is not installed.
    """
    check_onnx()
    program = export_program(network, inputs)
    with quiet(), _silent_registry():
        torch.onnx.export(program, f=str(path), dynamo=True, verbose=False, external_data=False)
    return [path]


def check_onnx() -> None:
    """Raises unless the extra `onnx` is installed.

    Raises:
        ImportError: A package is missing; the message says how to install it.
    """
    missing = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"format='onnx' needs {', '.join(missing)}: pip install \"ray-nas[onnx]\", or use "
            "format='torch_export'"
        )


@contextmanager
def _silent_registry() -> Iterator[None]:
    """Without the exporter's warning, at each export, that torchvision is not installed."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


WRITERS: Final[dict[str, Writer]] = {
    "state_dict": write_state_dict,
    "torch_export": write_program,
    "onnx": write_onnx,
}


def write_network(
    format: str, network: nn.Module, inputs: tuple[Any, ...], path: Path
) -> list[Path]:
    """Writes a network in a format; an error names the layer that cannot be exported.

    Args:
        format: "state_dict", "torch_export" or "onnx".
        network: The network, on the CPU; afterwards in evaluation mode.
        inputs: Example inputs, one for each argument.
        path: The file.

    Returns:
        The files written; `path` is the first.

    Raises:
        ExportError: A layer cannot be exported.
        ImportError: The extra `onnx` is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "winner.pt"
        ...     files = write_network("state_dict", nn.Linear(2, 1), (torch.rand(1, 2),), path)
        >>> [file.name for file in files]
        ['winner.pt', 'winner_model.py']
    """
    if format not in WRITERS:
        raise ValueError(f"format must be one of {', '.join(WRITERS)}, got {format!r}")
    if format == "onnx":
        check_onnx()
    network.eval()
    try:
        return WRITERS[format](network, inputs, path)
    except Exception as error:
        raise ExportError(
            f"{format}: {describe_failure(WRITERS[format], network, inputs, error)}"
        ) from error
