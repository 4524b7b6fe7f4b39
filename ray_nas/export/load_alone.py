"""Runs exported files where ray_nas cannot be imported; a script for `separate_process.py`.

It imports nothing of ray_nas. Usage: python load_alone.py JOBS, a JSON file with a list of jobs:
`{"format", "path", "model", "inputs", "outputs"}`. `model` is the Python module of a `state_dict`.
Each file in `inputs` (npz) holds the arguments of one call; the tensors that it returns are
written to the file of the same place in `outputs`. Prints a list with an error, or null, for each
job.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

FORBIDDEN = ("ray_nas", "ray")


def main() -> None:
    """Runs the jobs."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place != here]  # a part of ray_nas
    for name in FORBIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails from now on
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    print(json.dumps([_error(job) for job in jobs]))


def _error(job: dict[str, Any]) -> str | None:
    try:
        network = _LOADERS[job["format"]](job)
        for source, target in zip(job["inputs"], job["outputs"], strict=True):
            with np.load(source) as arrays:
                outputs = network([arrays[name] for name in arrays.files])
            np.savez(target, *outputs)
    except Exception as error:  # whatever it is, the caller must hear of it
        return f"{type(error).__name__}: {error}"
    return None


def _load_state_dict(job: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    return _torch_caller(runpy.run_path(job["model"])["load"](job["path"]))


def _load_program(job: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    import torch

    return _torch_caller(torch.export.load(job["path"]).module())


def _torch_caller(network: Any) -> Callable[[list[Any]], list[Any]]:
    import torch
    from torch.utils import _pytree

    def call(arrays: list[Any]) -> list[Any]:
        with torch.no_grad():
            outputs = network(*(torch.from_numpy(array) for array in arrays))
        return [leaf.numpy() for leaf in _pytree.tree_leaves(outputs)]

    return call


def _load_onnx(job: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(job["path"], options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def call(arrays: list[Any]) -> list[Any]:
        return list(session.run(None, dict(zip(names, arrays, strict=True))))

    return call


_LOADERS: dict[str, Callable[[dict[str, Any]], Callable[[list[Any]], list[Any]]]] = {
    "state_dict": _load_state_dict,
    "torch_export": _load_program,
    "onnx": _load_onnx,
}


if __name__ == "__main__":
    main()
