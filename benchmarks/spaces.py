"""Measures the search spaces: the cost of a sample, a mutation, a key and a build.

Times are CPU times. Builds are compared with constructing the same network by hand, alternating
between the two in one process. With a table of NAS-Bench-201, the parameter counts of built
networks are compared with the table's. The last line is one JSON object.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from command_line import add_table, make_parser, print_result
from tables import csv_rows
from torch import nn

from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    HierarchicalSpace,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    StageSpace,
    TransformerSpace,
)
from ray_nas.spaces.cells.cell_layers import EDGES, Reduction, Zero, relu_conv_norm
from ray_nas.spaces.model.layers import InvertedResidual


def milliseconds(action: Callable[[], Any], number: int) -> float:
    """Mean CPU milliseconds of a call."""
    start = time.process_time()
    for _ in range(number):
        action()
    return 1e3 * (time.process_time() - start) / number


def ratio(ours: Callable[[], Any], by_hand: Callable[[], Any], rounds: int) -> float:
    """Ratio of the median CPU times of two actions that alternate."""
    pairs = [(milliseconds(ours, 1), milliseconds(by_hand, 1)) for _ in range(rounds)]
    return float(np.median([mine for mine, _ in pairs]) / np.median([hand for _, hand in pairs]))


def moves(space: ModelSpace, number: int) -> dict[str, float]:
    """CPU milliseconds of a space's basic operations."""
    rng = np.random.default_rng(0)
    configs = space.sample(size=number, random_state=rng)
    cycle = iter(configs * 4)
    return {
        "sample_ms": milliseconds(partial(space.sample, random_state=rng), number),
        "mutate_ms": milliseconds(lambda: space.mutate(next(cycle), rng), number),
        "canonical_ms": milliseconds(lambda: space.canonical(next(cycle)), number),
        "encode_ms": milliseconds(lambda: space.encode(next(cycle)), number),
    }


class CellByHand(nn.Module):
    """NAS-Bench-201's cell, written without choices."""

    def __init__(self, cell: dict[str, str], width: int) -> None:
        super().__init__()
        make = {
            "none": Zero,
            "skip_connect": nn.Identity,
            "nor_conv_1x1": partial(relu_conv_norm, width, width, 1),
            "nor_conv_3x3": partial(relu_conv_norm, width, width, 3),
            "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
        }
        self.edges = nn.ModuleDict({f"{i}_{j}": make[cell[f"edge_{i}_{j}"]]() for i, j in EDGES})


def nasbench201_by_hand(cell: dict[str, str]) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)]
    for width in (16, 32, 64):
        if width > 16:
            layers.append(Reduction(width // 2, width))
        layers += [CellByHand(cell, width) for _ in range(5)]
    return nn.ModuleList([nn.Sequential(*layers, nn.BatchNorm2d(64), nn.ReLU()), nn.Linear(64, 10)])


def mobilenet_by_hand(config: dict[str, Any], stages: list[tuple[int, int]]) -> nn.Module:
    def conv(inputs: int, width: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
        return [
            nn.Conv2d(inputs, width, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU6(),
        ]

    stem = nn.Sequential(
        *conv(3, 32, 3, 2),
        *conv(32, 32, 3, 1, 32),
        nn.Conv2d(32, 16, 1, bias=False),
        nn.BatchNorm2d(16),
    )
    blocks, inputs = nn.Sequential(), 16
    for stage, (width, stride) in enumerate(stages):
        for block in range(config.get(f"stage_{stage}.depth", 1)):
            kernel, expansion, squeeze = (
                config[f"stage_{stage}.block_{block}.{name}"]
                for name in ("kernel", "expansion", "squeeze")
            )
            blocks.append(
                InvertedResidual(
                    inputs, width, kernel, stride if block == 0 else 1, expansion, squeeze
                )
            )
            inputs = width
    head = nn.Sequential(
        *conv(inputs, 1280, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)
    )
    return nn.ModuleList([stem, blocks, head, nn.Linear(1280, 1000)])


def builds(rounds: int) -> dict[str, float]:
    bench, macro = NASBench201(), MobileNetSpace()
    cell, network = bench.sample(random_state=0), macro.sample(random_state=0)
    stages = [(24, 2), (32, 2), (64, 2), (96, 1), (160, 2), (320, 1)]
    result = {}
    for name, ours, by_hand in (
        ("nasbench201", partial(bench.build, cell), partial(nasbench201_by_hand, cell)),
        ("mobilenet", partial(macro.build, network), partial(mobilenet_by_hand, network, stages)),
    ):
        weights = [sum(p.numel() for p in made().parameters()) for made in (ours, by_hand)]
        if weights[0] != weights[1]:
            raise RuntimeError(
                f"{name}: the built network has {weights[0]} parameters, "
                f"the one by hand {weights[1]}"
            )
        result[f"build_over_by_hand_{name}"] = ratio(ours, by_hand, rounds)
    return result


def parameter_counts(table: Path, limit: int | None) -> dict[str, float]:
    """Counts the table's cells whose built network has the table's number of parameters."""
    space = NASBench201()
    rows = csv_rows(table, limit)
    equal, largest = 0, 0.0
    for row in rows:
        with torch.device("meta"):
            network = space.build(space.from_arch_str(row["arch_str"]))
        difference = abs(
            sum(p.numel() for p in network.parameters()) / 1e6 - float(row["params_millions"])
        )
        equal += difference < 5e-7
        largest = max(largest, difference)
    return {
        "cells": len(rows),
        "cells_with_equal_parameter_count": equal,
        "largest_difference_millions": largest,
    }


def main() -> None:
    parser = make_parser(__doc__, quick="fewer repetitions, and 500 cells of the table")
    add_table(parser, "arch_str and params_millions")
    options = parser.parse_args()
    torch.set_num_threads(1)
    number = 100 if options.quick else 1000
    result: dict[str, Any] = {}
    spaces: list[ModelSpace] = [
        NASBench201(),
        DARTS(),
        HierarchicalSpace(),
        MobileNetSpace(),
        StageSpace(),
        TransformerSpace(),
        ChainSpace(),
        MLPSpace(16, 4),
    ]
    for space in spaces:
        name = type(space).__name__
        result[name] = {key: round(value, 4) for key, value in moves(space, number).items()}
        print(f"{name}: {result[name]}", flush=True)
    result |= {key: round(value, 3) for key, value in builds(20 if options.quick else 100).items()}
    if options.table is not None:
        result |= parameter_counts(options.table, 500 if options.quick else None)
    print_result(result)


if __name__ == "__main__":
    main()
