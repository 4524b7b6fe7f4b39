"""Checkpoints of safetensors and JSON."""

from pathlib import Path

import pytest
import torch
from ray import tune
from torch import nn

from ray_nas.trials import read_checkpoint, save_checkpoint
from ray_nas.trials.checkpoint import FIELDS, TENSORS, write_checkpoint


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(4, dtype=torch.uint8), "b": torch.rand(2, 3).T}
    write_checkpoint(tmp_path, tensors, {"epoch": 2, "config": {"depth": 3}})
    for source in (tmp_path, str(tmp_path), tune.Checkpoint.from_directory(str(tmp_path))):
        found, fields = read_checkpoint(source)
        assert fields == {"epoch": 2, "config": {"depth": 3}}
        assert all(torch.equal(tensors[name], tensor) for name, tensor in found.items())
        assert found["a"].dtype == torch.uint8


def test_a_saved_network_can_be_built_again_with_tied_weights() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    with save_checkpoint(network) as checkpoint:
        weights, fields = read_checkpoint(checkpoint)
    assert fields == {}
    again = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    again.load_state_dict(weights)
    inputs = torch.rand(2, 3)
    assert torch.equal(network(inputs), again(inputs))


@pytest.mark.parametrize("missing", [TENSORS, FIELDS])
def test_other_folders_are_refused(missing: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"a": torch.ones(1)}, {})
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match=f"has no {missing}: ray_nas did not write it"):
        read_checkpoint(tmp_path)
