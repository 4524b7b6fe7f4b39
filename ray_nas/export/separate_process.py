"""Loads exported files in a process without ray_nas, and compares what they compute."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree

from ray_nas.export.export_error import ExportError

_SCRIPT: Final = Path(__file__).with_name("load_alone.py")

Arrays = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class ExportedFile:
    """A file to load alone, and the inputs to run it on.

    Example:
        >>> ExportedFile("onnx", Path("winner.onnx"), [(torch.zeros(1, 4),)]).model is None
        True
    """

    format: str
    """"state_dict", "torch_export" or "onnx"."""
    path: Path
    """The file."""
    inputs: list[tuple[torch.Tensor, ...]]
    """The arguments of each call."""
    model: Path | None = None
    """The Python module of a `state_dict`."""


def outputs_alone(files: Sequence[ExportedFile]) -> list[list[Arrays] | str]:
    """The outputs of exported files, computed in one process that cannot import ray_nas.

    Args:
        files: The files.

    Returns:
        For each file the tensors that each of its calls returned, or why it failed.

    Raises:
        ExportError: The process died.
    """
    with tempfile.TemporaryDirectory() as folder:
        jobs = [_job(file, Path(folder) / str(number)) for number, file in enumerate(files)]
        (Path(folder) / "jobs.json").write_text(json.dumps(jobs))
        run = subprocess.run(
            [sys.executable, str(_SCRIPT), "jobs.json"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0:
            raise ExportError(f"the process that loads the file alone died: {run.stderr[-2000:]}")
        errors = json.loads(run.stdout.splitlines()[-1])
        return [
            error if error is not None else [_arrays(path) for path in job["outputs"]]
            for job, error in zip(jobs, errors, strict=True)
        ]


def _job(file: ExportedFile, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    calls = range(len(file.inputs))
    for number, arguments in zip(calls, file.inputs, strict=True):
        np.savez(folder / f"inputs_{number}.npz", *(one.detach().numpy() for one in arguments))
    return {
        "format": file.format,
        "path": str(file.path.resolve()),
        "model": None if file.model is None else str(file.model.resolve()),
        "inputs": [str(folder / f"inputs_{number}.npz") for number in calls],
        "outputs": [str(folder / f"outputs_{number}.npz") for number in calls],
    }


def _arrays(path: str) -> Arrays:
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


@torch.no_grad()
def outputs_here(network: nn.Module, inputs: Sequence[tuple[torch.Tensor, ...]]) -> list[Arrays]:
    """The tensors that each call of the network returns, in evaluation mode.

    Example:
        >>> outputs_here(nn.Identity(), [(torch.ones(1),)])
        [[array([1.], dtype=float32)]]
    """
    network.eval()
    return [
        [leaf.numpy() for leaf in _pytree.tree_leaves(network(*arguments))] for arguments in inputs
    ]


def largest_difference(one: Sequence[Arrays], other: Sequence[Arrays]) -> float:
    """The largest difference between two lists of outputs; infinite if their shapes differ.

    Two NaN in the same place are equal.

    Example:
        >>> largest_difference([[np.array([1.0, 2.0])]], [[np.array([1.0, 2.5])]])
        0.5
    """
    largest = 0.0
    for left, right in zip(one, other, strict=True):
        if [array.shape for array in left] != [array.shape for array in right]:
            return float("inf")
        for first, second in zip(left, right, strict=True):
            first, second = first.astype(np.float64), second.astype(np.float64)
            same = (first == second) | (np.isnan(first) & np.isnan(second))
            gap = np.abs(np.where(same, 0.0, first) - np.where(same, 0.0, second))
            largest = max(largest, float(np.where(np.isnan(gap), np.inf, gap).max(initial=0.0)))
    return largest
