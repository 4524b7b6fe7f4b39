"""Weights as files of a Tune checkpoint: safetensors for the tensors, JSON for all else. Nothing
is unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import torch as safetensors

TENSORS: Final = "tensors.safetensors"
FIELDS: Final = "state.json"


def write_checkpoint(
    folder: str | Path, tensors: Mapping[str, torch.Tensor], fields: Mapping[str, Any]
) -> None:
    """Writes tensors and JSON values into a folder."""
    copies = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()
    }  # tied ones are written twice
    safetensors.save_file(copies, str(Path(folder) / TENSORS))
    (Path(folder) / FIELDS).write_text(json.dumps(dict(fields)))


def read_checkpoint(folder: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the fields that `write_checkpoint` wrote.

    Raises:
        ValueError: The folder holds none.
    """
    for name in (TENSORS, FIELDS):
        if not (Path(folder) / name).exists():
            raise ValueError(
                f"checkpoint {folder} holds no {name}: it is not one that ray_nas.sharing wrote"
            )
    tensors: dict[str, torch.Tensor] = safetensors.load_file(str(Path(folder) / TENSORS))
    fields: dict[str, Any] = json.loads((Path(folder) / FIELDS).read_text())
    return tensors, fields


def part(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `name` and a dot, without these."""
    return {
        key.removeprefix(f"{name}."): tensor
        for key, tensor in tensors.items()
        if key.startswith(f"{name}.")
    }
