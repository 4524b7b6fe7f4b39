"""Tune checkpoints of a network or a training: safetensors for tensors, JSON for everything else.

Nothing is pickled, so loading a checkpoint never runs code.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from ray import tune
from safetensors import torch as safetensors
from torch import nn

TENSORS: Final = "tensors.safetensors"
"""Name of the file with the tensors."""
FIELDS: Final = "state.json"
"""Name of the file with the JSON values."""


@contextmanager
def save_checkpoint(
    network: nn.Module, fields: Mapping[str, Any] | None = None
) -> Iterator[tune.Checkpoint]:
    """A checkpoint of a network's weights, to be reported inside the block.

    `read_checkpoint` reads it. The files are temporary: `tune.report` copies them.

    Args:
        network: Its `state_dict` is saved.
        fields: JSON values to save with it, such as the epoch.

    Example:
        >>> network = nn.Linear(2, 1)
        >>> with save_checkpoint(network, {"epoch": 3}) as checkpoint:
        ...     weights, fields = read_checkpoint(checkpoint)
        >>> sorted(weights), fields
        (['bias', 'weight'], {'epoch': 3})
    """
    with temporary_checkpoint(network.state_dict(), fields or {}) as checkpoint:
        yield checkpoint


@contextmanager
def temporary_checkpoint(
    tensors: Mapping[str, torch.Tensor], fields: Mapping[str, Any]
) -> Iterator[tune.Checkpoint]:
    """A checkpoint of tensors and JSON values, to be reported inside the block."""
    with TemporaryDirectory() as folder:
        write_checkpoint(folder, tensors, fields)
        yield tune.Checkpoint(folder)


def write_checkpoint(
    folder: str | Path, tensors: Mapping[str, torch.Tensor], fields: Mapping[str, Any]
) -> None:
    """Writes tensors and JSON values into an existing folder.

    Args:
        folder: Where to write.
        tensors: Tensors by name. Tensors that share memory (tied weights) are written twice.
        fields: JSON values by name.
    """
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    safetensors.save_file(copies, str(Path(folder) / TENSORS))
    (Path(folder) / FIELDS).write_text(json.dumps(dict(fields)))


def read_checkpoint(
    checkpoint: tune.Checkpoint | str | Path,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the JSON values of a checkpoint.

    Args:
        checkpoint: A checkpoint or its local folder.

    Raises:
        ValueError: `write_checkpoint` did not write it.
    """
    if not isinstance(checkpoint, str | Path):
        with checkpoint.as_directory() as folder:
            return read_checkpoint(folder)
    for name in (TENSORS, FIELDS):
        if not (Path(checkpoint) / name).exists():
            raise ValueError(f"checkpoint {checkpoint} has no {name}: ray_nas did not write it")
    tensors: dict[str, torch.Tensor] = safetensors.load_file(str(Path(checkpoint) / TENSORS))
    fields: dict[str, Any] = json.loads((Path(checkpoint) / FIELDS).read_text())
    return tensors, fields
