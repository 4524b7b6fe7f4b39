"""Measures the cost estimate: parameters and FLOPs against NAS-Bench-201's table, peak memory
against what torch really holds.

    python benchmarks/cost.py --table TABLE.csv.gz            # all cells of the table (half an
    hour) python benchmarks/cost.py --table TABLE.csv.gz --quick    # 300 of them

The table counts multiply-adds as FLOPs, and besides convolutions and the linear layer 2 for each
output of a batch norm, 1 for each of a ReLU and the window for each of a pooling. These are counted
here by hooks and added; what is left must be one constant for all cells (the global pooling, which
every cell has).

Memory is measured twice, on the CPU: by `saved_tensors_hooks`, parameters, gradients and the
optimizer's state; and, of AdamW's second step with a loss, as the peak of the allocator's own
events, which includes what operations need while they run. The last line is one JSON object.
"""

import argparse
import csv
import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from ray_nas.estimators.cost import profile
from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    HierarchicalSpace,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    TransformerSpace,
)


def other_terms(model: nn.Module, inputs: torch.Tensor) -> int:
    """What NAS-Bench-201's table counts beside convolutions and linear layers, for one input."""
    total = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.BatchNorm2d):
            total += 2 * output[0].numel()
        elif isinstance(module, nn.ReLU):
            total += output[0].numel()
        elif isinstance(module, nn.AvgPool2d):
            size = module.kernel_size
            total += output[0].numel() * (
                size * size if isinstance(size, int) else size[0] * size[1]
            )

    for module in model.modules():
        module.register_forward_hook(count)
    with torch.no_grad(), torch.device("meta"):
        model.eval()(inputs)
    return total


def against_table(table: Path, limit: int | None) -> dict[str, Any]:
    """Parameters and FLOPs of the table's cells, to the table's precision."""
    space, inputs = NASBench201(), torch.empty(1, 3, 32, 32, device="meta")
    with gzip.open(table, "rt") as file:
        rows = list(csv.DictReader(file))
    if limit is not None:
        rows = [
            rows[int(index)]
            for index in np.random.default_rng(0).choice(len(rows), limit, replace=False)
        ]
    equal, analytic, left, seconds = 0, 0, Counter[int](), []
    for done, row in enumerate(rows):
        if done and done % 1_000 == 0:
            print(
                f"{done} of {len(rows)} cells: {equal} with equal parameters, {analytic} with analytic multiply-adds",
                flush=True,
            )
        with torch.device("meta"):
            model = space.build(space.from_arch_str(row["arch_str"]))
        start = time.process_time()
        cost = profile(model, (3, 32, 32))
        seconds.append(time.process_time() - start)
        equal += abs(cost.params / 1e6 - float(row["params_millions"])) < 5e-7
        analytic += cost.multiply_adds == cell_multiply_adds(row["arch_str"])
        left[
            round(1e6 * float(row["flops_millions"]))
            - cost.multiply_adds
            - other_terms(model, inputs)
        ] += 1
    return {
        "cells": len(rows),
        "cells_with_equal_parameters": equal,
        "cells_with_analytic_multiply_adds": analytic,
        "published_flops_minus_ours_and_other_terms": {
            str(rest): number for rest, number in left.items()
        },
        "profile_cpu_ms": round(1e3 * float(np.median(seconds)), 1),
    }


def cell_multiply_adds(arch_str: str) -> int:
    """Of the convolutions and the linear layer, by hand: five cells a stage; stages of 16 x
    32^2, 32 x 16^2 and 64 x 8^2.
    """
    total = 9 * 3 * 16 * 32**2 + 64 * 10
    for width, size in ((16, 32), (32, 16), (64, 8)):
        each = width * width * size * size
        total += 5 * each * (9 * arch_str.count("nor_conv_3x3") + arch_str.count("nor_conv_1x1"))
        if width > 16:
            total += (
                9 * each // 2 + 9 * each + each // 2
            )  # the residual block: two convolutions and the projection
    return total


class Saved:
    """What autograd's graph keeps of a tensor, for as long as it keeps it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor.detach()


def held(model: nn.Module, inputs: torch.Tensor) -> int:
    """Bytes that torch keeps for one step, each storage once."""
    alive = WeakSet[Saved]()

    def save(tensor: torch.Tensor) -> Saved:
        saved = Saved(tensor)
        alive.add(saved)
        return saved

    optimizer = torch.optim.AdamW(model.parameters())
    with torch.autograd.graph.saved_tensors_hooks(save, lambda saved: saved.tensor):
        loss = loss_of(model, inputs)
    tensors = [*model.parameters(), *model.buffers(), *(saved.tensor for saved in alive)]
    total = sum(
        {
            tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors
        }.values()
    )
    loss.backward()
    optimizer.step()
    total += sum(
        parameter.grad.nbytes for parameter in model.parameters() if parameter.grad is not None
    )
    return total + sum(
        value.nbytes for state in optimizer.state.values() for value in state.values()
    )


def allocator_peak(model: nn.Module, inputs: torch.Tensor) -> int:
    """The most bytes that torch's CPU allocator holds in a step, by its own events, with all
    that was there before.
    """
    optimizer = torch.optim.AdamW(model.parameters())
    loss_of(model, inputs).backward()
    optimizer.step()
    optimizer.zero_grad()
    before = inputs.nbytes + sum(
        tensor.nbytes for tensor in (*model.parameters(), *model.buffers())
    )
    before += sum(value.nbytes for state in optimizer.state.values() for value in state.values())
    with torch_profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        loss_of(model, inputs).backward()
        optimizer.step()
    events = [
        event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return before + int(np.cumsum(changes).max())


def loss_of(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    outputs = model.train()(inputs)
    return nn.functional.cross_entropy(outputs, torch.zeros(len(outputs), dtype=torch.long))


def memory(networks: int, batch_size: int) -> dict[str, dict[str, list[float]]]:
    """Estimate / truth of random networks: the lowest, the median and the highest."""
    result = {}
    spaces: list[tuple[ModelSpace, tuple[int, ...]]] = [
        (NASBench201(), (3, 32, 32)),
        (DARTS(), (3, 32, 32)),
        (HierarchicalSpace(), (3, 32, 32)),
        (MobileNetSpace(num_classes=10), (3, 64, 64)),
        (ChainSpace(), (3, 32, 32)),
        (MLPSpace(16, 4), (16,)),
        (TransformerSpace(), (128,)),
    ]
    for space, shape in spaces:
        ratios: dict[str, list[float]] = {"held": [], "allocator": []}
        for seed in range(networks):
            model = space.build(space.sample(random_state=seed))
            inputs = torch.ones(batch_size, *shape, dtype=space.input_dtype)
            estimate = profile(
                model, shape, batch_size=batch_size, input_dtype=space.input_dtype
            ).peak_memory_bytes
            ratios["held"].append(estimate / held(model, inputs))
            model.zero_grad()
            ratios["allocator"].append(estimate / allocator_peak(model, inputs))
        name = type(space).__name__
        result[name] = {
            key: [round(float(value), 4) for value in np.quantile(values, (0, 0.5, 1))]
            for key, values in ratios.items()
        }
        print(
            f"{name}: estimated peak / torch's, lowest, median, highest: {result[name]}", flush=True
        )
    return result


class Attention(nn.Module):
    """Self-attention with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, dropout=0.1, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean over the sequence."""
        return self.attention(x, x, x, need_weights=False)[0].mean(1)


class Recurrent(nn.Module):
    """A recurrent layer and its last output."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer = kind(64, 64, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The state at the end of the sequence."""
        return self.layer(x)[0][:, -1]


def kernels(batch_size: int) -> dict[str, float]:
    """Estimate / truth where kernels of the CPU keep more than autograd is told of: 128 steps of
    64 features.
    """
    models = {kind.__name__: Recurrent(kind) for kind in (nn.LSTM, nn.RNN, nn.GRU)} | {
        "attention with dropout": Attention()
    }
    inputs = torch.ones(batch_size, 128, 64)
    ratios = {
        name: profile(model, (128, 64), batch_size=batch_size).peak_memory_bytes
        / held(model, inputs)
        for name, model in models.items()
    }
    return {name: round(ratio, 2) for name, ratio in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="NAS-Bench-201 cells: a gzipped CSV with arch_str, params_millions, flops_millions",
    )
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument(
        "--quick", action="store_true", help="300 cells of the table, 3 networks of each space"
    )
    parser.add_argument("--cells", type=int, help="so many of the table's cells, drawn at random")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {
        "peak_estimated_over_real": memory(3 if arguments.quick else 20, arguments.batch_size)
    }
    figures["kernels_of_the_cpu"] = kernels(arguments.batch_size)
    if arguments.table is not None:
        figures |= against_table(
            arguments.table, arguments.cells or (300 if arguments.quick else None)
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
