"""The other process has no ray_nas, and a file that fails does not stop the others."""

from pathlib import Path

import numpy as np
import torch

from ray_nas.export.separate_process import ExportedFile, largest_difference, outputs_alone

ALONE = """
import torch

def load(path):
    try:
        import {package}
    except ImportError:
        return torch.nn.Identity()
    raise RuntimeError("{package} was imported")
"""


def test_ray_nas_and_ray_cannot_be_imported_there(tmp_path: Path) -> None:
    inputs = [(torch.ones(2, 3),), (torch.zeros(1),)]
    files = []
    for package in ("ray_nas", "ray", "json"):
        model = tmp_path / f"{package}_model.py"
        model.write_text(ALONE.format(package=package))
        files.append(ExportedFile("state_dict", tmp_path / "none.pt", inputs, model))
    first, second, third = outputs_alone(files)
    assert not isinstance(first, str)
    assert [call[0].tolist() for call in first] == [[[1.0] * 3] * 2, [0.0]]
    assert not isinstance(second, str)
    assert third == "RuntimeError: json was imported"


def test_differences_of_shape_and_of_nan_are_infinite() -> None:
    nan, one = np.array([np.nan]), np.array([1.0])
    assert largest_difference([[nan]], [[nan]]) == 0.0
    assert largest_difference([[nan]], [[one]]) == np.inf
    assert largest_difference([[one]], [[np.array([1.0, 1.0])]]) == np.inf
    assert largest_difference([[np.array([np.inf])]], [[np.array([np.inf])]]) == 0.0
    assert largest_difference([[np.array([np.inf])]], [[one]]) == np.inf
