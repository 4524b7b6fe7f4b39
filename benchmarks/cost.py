"""Checks the cost estimate against NAS-Bench-201's table and torch's actual memory use.

    python benchmarks/cost.py --table TABLE.csv.gz            # every cell, half an hour
    python benchmarks/cost.py --table TABLE.csv.gz --quick    # 300 cells

The table's FLOPs are the multiply-adds of convolutions and the linear layer, plus 2 per output of a
batch norm, 1 per output of a ReLU and the window size per output of a pooling. These terms are
counted here with hooks and added; the remaining difference must be one constant for all cells (the
global pooling, which every cell has).

Memory is measured in two ways, on the CPU: as what `saved_tensors_hooks` see plus parameters,
gradients and optimizer state; and as the peak of the allocator's events in AdamW's second step,
which includes temporary buffers of the operations. The last line is one JSON object.
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from command_line import add_table, make_parser, print_result
from tables import csv_rows
from torch import nn
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from ray_nas import spaces
from ray_nas.estimators.cost import profile
from ray_nas.spaces import ModelSpace


def other_terms(model: nn.Module, inputs: torch.Tensor) -> int:
    """FLOPs of one input that the table counts besides convolutions and linear layers."""
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
    space, inputs = spaces.NASBench201(), torch.empty(1, 3, 32, 32, device="meta")
    rows = csv_rows(table, limit)
    equal, analytic = 0, 0
    left, seconds = Counter[int](), []
    for done, row in enumerate(rows):
        if done and done % 1_000 == 0:
            print(
                f"{done} of {len(rows)} cells: {equal} with equal parameters, "
                f"{analytic} with analytic multiply-adds",
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
    """Multiply-adds of the convolutions and the linear layer, in closed form.

    There are five cells per stage; the stages have sizes 16 x 32^2, 32 x 16^2 and 64 x 8^2.
    """
    total = 9 * 3 * 16 * 32**2 + 64 * 10
    for width, size in ((16, 32), (32, 16), (64, 8)):
        each = width * width * size * size
        total += 5 * each * (9 * arch_str.count("nor_conv_3x3") + arch_str.count("nor_conv_1x1"))
        if width > 16:
            # The residual block: two convolutions and the projection.
            total += 9 * each // 2 + 9 * each + each // 2
    return total


class Saved:
    """A tensor saved by autograd; it lives as long as the graph needs it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor.detach()


def held(model: nn.Module, inputs: torch.Tensor) -> int:
    """Bytes that torch keeps for one step, each storage counted once."""
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
    """Peak bytes of torch's CPU allocator in a step, including what existed before it."""
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
    """Estimate / measurement for random networks: lowest, median and highest."""
    result = {}
    ready_made: list[tuple[ModelSpace, tuple[int, ...]]] = [
        (spaces.NASBench201(), (3, 32, 32)),
        (spaces.DARTS(), (3, 32, 32)),
        (spaces.HierarchicalSpace(), (3, 32, 32)),
        (spaces.MobileNetSpace(num_classes=10), (3, 64, 64)),
        (spaces.ChainSpace(), (3, 32, 32)),
        (spaces.MLPSpace(16, 4), (16,)),
        (spaces.TransformerSpace(), (128,)),
    ]
    for space, shape in ready_made:
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
        """Mean output over the sequence."""
        return self.attention(x, x, x, need_weights=False)[0].mean(1)


class Recurrent(nn.Module):
    """A recurrent layer and its last output."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer = kind(64, 64, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Output at the end of the sequence."""
        return self.layer(x)[0][:, -1]


def kernels(batch_size: int) -> dict[str, float]:
    """Estimate / measurement for layers whose CPU kernels keep tensors hidden from autograd.

    Inputs have 128 steps of 64 features.
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


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="300 cells of the table, 3 networks of each space")
    add_table(parser, "arch_str, params_millions and flops_millions")
    parser.add_argument("--batch-size", type=int, default=16, help="for the memory measurements")
    parser.add_argument("--cells", type=int, help="random cells of the table; default: all")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "peak_estimated_over_real": memory(3 if options.quick else 20, options.batch_size),
        "kernels_of_the_cpu": kernels(options.batch_size),
    }
    if options.table is not None:
        cells = options.cells or (300 if options.quick else None)
        result |= against_table(options.table, cells)
    print_result(result)


if __name__ == "__main__":
    main()
