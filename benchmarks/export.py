"""Exports random architectures, and checks the files in a process that cannot import ray_nas.

For every ready-made space and three models of users, random architectures with random weights are
written in each format. Another process loads the files without ray_nas and runs them on three sizes
of batch. A file fails if its outputs differ by more than 1e-4 from the network's, or its accuracy
on random labels differs. A network whose code depends on the values of its input must be refused
with the name of the layer.

    python benchmarks/export.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from command_line import make_parser, parse, print_result
from export_models import USER_MODELS, Undecided
from torch import nn

from ray_nas import spaces
from ray_nas.export.export_error import ExportError
from ray_nas.export.formats import WRITERS, model_path, write_network
from ray_nas.export.separate_process import (
    ExportedFile,
    largest_difference,
    outputs_alone,
    outputs_here,
)
from ray_nas.trials.seeding import seeded

ROWS = 8
TOLERANCE = 1e-4


def images(channels: int, size: int) -> Callable[[int], tuple[torch.Tensor, ...]]:
    """Makes random images."""
    return lambda rows: (torch.rand(rows, channels, size, size),)


SPACES: dict[str, tuple[Callable[[], Any], Callable[[int], tuple[torch.Tensor, ...]]]] = {
    "NASBench201": (lambda: spaces.NASBench201(channels=4, cells_per_stage=1), images(3, 8)),
    "DARTS": (lambda: spaces.DARTS((3, 8, 8), channels=4, num_cells=3), images(3, 8)),
    "HierarchicalSpace": (
        lambda: spaces.HierarchicalSpace((3, 8, 8), channels=4, max_cells_per_stage=3),
        images(3, 8),
    ),
    "ChainSpace": (lambda: spaces.ChainSpace((3, 16, 16)), images(3, 16)),
    "MobileNetSpace": (
        lambda: spaces.MobileNetSpace(
            (3, 16, 16), 10, stages=((16, 2, 1), (24, 3, 2), (32, 2, 2)), stem_stride=1
        ),
        images(3, 16),
    ),
    "StageSpace": (
        lambda: spaces.StageSpace(
            (3, 16, 16), 10, stages=((16, 1, 1), (24, 2, 2), (40, 2, 2)), stem_stride=1
        ),
        images(3, 16),
    ),
    "MLPSpace": (lambda: spaces.MLPSpace(6, 3), lambda rows: (torch.rand(rows, 6),)),
    "TransformerSpace": (
        lambda: spaces.TransformerSpace(
            50, 3, max_length=8, widths=(16, 32), max_layers=4, head_width=4
        ),
        lambda rows: (torch.randint(1, 50, (rows, 8)),),
    ),
    "NASBench101": (lambda: spaces.NASBench101(channels=8, cells_per_stage=1), images(3, 8)),
    "DecoderSpace": (
        lambda: spaces.DecoderSpace(50, max_length=8, widths=(16, 32), max_layers=4, head_width=4),
        lambda rows: (torch.randint(50, (rows, 8)),),
    ),
    "SeriesSpace": (
        lambda: spaces.SeriesSpace((2, 32), 3, widths=(8, 16), max_blocks=3),
        lambda rows: (torch.rand(rows, 2, 32),),
    ),
    "TabularSpace": (lambda: spaces.TabularSpace(6, 3), lambda rows: (torch.rand(rows, 6),)),
    "PolicySpace": (lambda: spaces.PolicySpace(4, 2), lambda rows: (torch.rand(rows, 4),)),
    "SegmentationSpace": (
        lambda: spaces.SegmentationSpace((3, 16, 16), 3, widths=(4, 8), max_levels=3),
        images(3, 16),
    ),
    **USER_MODELS,
}


def main() -> None:
    """Runs the benchmark."""
    options = arguments()
    torch.set_num_threads(1)
    figures = {}
    start = time.monotonic()
    for name in options.spaces:
        make, make_inputs = SPACES[name]
        figures[name] = measure(make(), make_inputs, options.architectures, options.formats)
        print(f"{name}: {figures[name]}  [{time.monotonic() - start:.0f} s]", flush=True)
    print_result(
        {
            "architectures_per_space": options.architectures,
            "spaces": figures,
            "refused": refusals(options.formats),
            "largest_difference": max(
                one["largest_difference"] for space in figures.values() for one in space.values()
            ),
            "failures": sum(
                len(one["failures"]) for space in figures.values() for one in space.values()
            ),
        }
    )


def arguments() -> argparse.Namespace:
    """The options."""
    parser = make_parser(__doc__, quick="3 architectures of each space")
    parser.add_argument(
        "--architectures", type=int, default=100, help="architectures of each space"
    )
    parser.add_argument(
        "--formats", nargs="+", choices=list(WRITERS), default=list(WRITERS), help="file formats"
    )
    parser.add_argument(
        "--spaces", nargs="+", choices=list(SPACES), default=list(SPACES), help="which spaces"
    )
    return parse(parser, architectures=3)


def measure(
    space: spaces.ModelSpace,
    make_inputs: Callable[[int], tuple[torch.Tensor, ...]],
    architectures: int,
    formats: list[str],
) -> dict[str, dict[str, Any]]:
    """For each format: files that agree, the largest difference and what failed."""
    networks = [random_network(space, make_inputs, seed) for seed in range(architectures)]
    with seeded(0):
        batches = [make_inputs(ROWS), make_inputs(1), make_inputs(64)]
    found = {}
    for format in formats:
        with tempfile.TemporaryDirectory() as folder:
            found[format] = check(networks, batches, format, Path(folder))
    return found


def random_network(
    space: spaces.ModelSpace, make_inputs: Callable[[int], tuple[torch.Tensor, ...]], seed: int
) -> nn.Module:
    """A random architecture with random weights, and batch-norm statistics of random data."""
    with seeded(seed):
        network = space.build(space.sample(random_state=seed)).train()
        with torch.no_grad():
            for _ in range(3):
                network(*make_inputs(32))
    return network.eval()


def check(
    networks: list[nn.Module], batches: list[tuple[torch.Tensor, ...]], format: str, folder: Path
) -> dict[str, Any]:
    """Writes all networks, runs them in another process, and compares."""
    failures: list[str] = []
    files = {}
    for number, network in enumerate(networks):
        path = folder / f"network_{number}.{format}"
        try:
            write_network(format, network, batches[0], path)
        except ExportError as error:
            failures.append(f"architecture {number}: {error}")
            continue
        model = model_path(path) if format == "state_dict" else None
        files[number] = ExportedFile(format, path, batches, model)
    largest, equal = 0.0, 0
    for number, outputs in zip(files, outputs_alone(list(files.values())), strict=True):
        if isinstance(outputs, str):
            failures.append(f"architecture {number}: {outputs}")
            continue
        expected = outputs_here(networks[number], batches)
        difference = largest_difference(expected, outputs)
        same = accuracy(expected[2][0]) == accuracy(outputs[2][0])
        largest, equal = max(largest, difference), equal + same
        if difference > TOLERANCE or not same:
            failures.append(f"architecture {number}: {difference:.2e}, equal accuracy: {same}")
    return {
        "files": len(files),
        "largest_difference": largest,
        "equal_accuracy": equal,
        "failures": failures,
    }


def accuracy(outputs: np.ndarray[Any, Any]) -> float:
    """The accuracy on random labels, the same for all."""
    labels = np.random.default_rng(0).integers(outputs.shape[1], size=len(outputs))
    return float((outputs.argmax(1) == labels).mean())


def refusals(formats: list[str]) -> dict[str, str]:
    """What each format says of a network that it cannot hold."""
    network = spaces.ModelSpace(Undecided).build({"first": 0}).eval()
    found = {}
    for format in formats:
        with tempfile.TemporaryDirectory() as folder:
            try:
                write_network(format, network, (torch.rand(2, 4),), Path(folder) / "file")
            except ExportError as error:
                found[format] = str(error)[:200]
    return found


if __name__ == "__main__":
    main()
