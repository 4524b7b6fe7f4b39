"""Measures weight inheritance: how often it preserves the function, and whether it saves epochs.

    python benchmarks/morphisms.py --quick     # minutes on two cores
    python benchmarks/morphisms.py             # half an hour

Moves: in several spaces, a random network is trained for a few steps and mutated, and the child
inherits its parent's weights. The table shows how often the function is preserved, for all moves
and for growing ones (larger values, or a layer with weights in place of one without), and the
largest difference between outputs where it is preserved.

Race: `RegularizedEvolution` with and without `inherit_weights` and random search, on digits in
clutter (`small_task.py`). Every epoch of every trial counts, including those of ancestors. Plain
evolution trains each network from scratch for the number of epochs in --plain-epochs with the
lowest mean final loss, and random search for the same number; with inheritance, each trial adds
--inherit-epochs to its lineage. Each row shows the final loss, how much lower it is than plain
evolution's with the same seed, and two ratios of epochs, inheriting / plain: until the mean final
loss of plain evolution is reached, and until the final loss of plain evolution with the same seed
is reached. A seed that never reaches it counts with the whole budget, which underestimates its
epochs. Ratios are geometric means over seeds; intervals are 95 % (Student's t over seeds), and one
that covers a ratio of 1 or a difference of 0 shows no effect. A lineage may train for longer than a
plain network; --max-lineage adds a row in which it may not (children of older lineages start from
scratch). The last line is one JSON object.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from command_line import make_parser, parse, print_result
from intervals import format_interval, student_half_width
from small_task import figures, small_space, small_task, train_alone
from torch import nn

from ray_nas import spaces
from ray_nas.searchers import RegularizedEvolution
from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM
from ray_nas.sharing import Inheritance, morph
from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice

POPULATION = 6
TOURNAMENT = 3


class OwnModel(nn.Module):
    """A user-defined network with choices of width, kernels, depth and blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.width = ValueChoice("width", [8, 16, 32])
        self.stem = self.conv(ValueChoice("stem_kernel", [3, 5]), 3)
        self.blocks = Repeat("depth", 1, 4, self.block)
        self.head = nn.Linear(self.width, 10)

    def block(self, i: int) -> nn.Module:
        """Block `i`."""
        return LayerChoice(
            f"block_{i}",
            {"conv3": lambda: self.conv(3), "conv5": lambda: self.conv(5), "skip": nn.Identity},
        )

    def conv(self, kernel: int, inputs: int | None = None) -> nn.Module:
        """Convolution, batch norm and ReLU."""
        convolution = nn.Conv2d(inputs or self.width, self.width, kernel, padding=kernel // 2)
        return nn.Sequential(convolution, nn.BatchNorm2d(self.width), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images of shape (batch, 3, height, width) to logits."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


SPACES: dict[str, Callable[[], ModelSpace]] = {
    "own model": lambda: ModelSpace(OwnModel, input_shape=(3, 16, 16)),
    "ChainSpace": lambda: spaces.ChainSpace((3, 16, 16), widths=(8, 16, 32)),
    "MobileNetSpace": lambda: spaces.MobileNetSpace(
        (3, 16, 16), 10, stages=((8, 3, 1), (16, 3, 2)), stem_stride=1
    ),
    "StageSpace": lambda: spaces.StageSpace(
        (3, 16, 16), 10, stages=((8, 1, 1), (16, 2, 2)), stem_stride=1
    ),
    "MLPSpace": lambda: spaces.MLPSpace(20, 10, max_layers=4, widths=(16, 32, 64)),
    "NASBench201": lambda: spaces.NASBench201(channels=4, cells_per_stage=1),
    "DARTS": lambda: spaces.DARTS((3, 16, 16), channels=4, num_cells=3),
}


def grows(space: ModelSpace, parent: dict[str, Any], child: dict[str, Any]) -> bool:
    """Whether a move only adds: a larger value, or a layer with weights where there was none."""
    for label, value in child.items():
        before = parent.get(label, value)
        if value != before and space.choices[label].ordered and value < before:
            return False
    sizes = [
        sum(tensor.numel() for tensor in space.build(config).parameters())
        for config in (parent, child)
    ]
    return sizes[1] > sizes[0]


def moves(
    space: ModelSpace, number: int, rng: np.random.Generator
) -> tuple[Counter[str], Counter[str], float]:
    """Mutates random networks and lets the children inherit.

    Returns:
        Kinds of inheritance in all moves and in growing ones, and the largest difference between
        outputs where the function is preserved.
    """
    every, growing = Counter[str](), Counter[str]()
    largest = 0.0
    shape = space.input_shape or ()
    batch = (
        torch.randn(32, *shape, generator=torch.Generator().manual_seed(0))[..., :16, :16]
        if len(shape) == 3
        else torch.randn(32, *shape)
    )
    for _ in range(number):
        parent = space.sample(random_state=rng)
        network = space.build(parent)
        optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
        for _ in range(10):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(batch), torch.arange(32) % 10).backward()
            optimizer.step()
        child = space.mutate(parent, rng)
        new, inheritance = morph(
            space, child, parent=parent, weights=network.state_dict(), batch=batch
        )
        every[inheritance.kind] += 1
        growing[inheritance.kind] += grows(space, parent, child)
        if inheritance.kind == "preserved":
            with torch.no_grad():
                largest = max(
                    largest, float((new.eval()(batch) - network.eval()(batch)).abs().max())
                )
    return every, growing, largest


@dataclass
class Run:
    """One search: its lowest validation loss by epochs spent, and what its trials inherited."""

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    lineage: int = 0
    """Epochs in the lineage of the best network."""

    def reaches(self, loss: float) -> int | None:
        """The epochs spent until a loss was reached, or None if it was not."""
        return next(
            (
                epochs
                for epochs, reached in zip(self.epochs, self.losses, strict=True)
                if reached <= loss
            ),
            None,
        )


def race(
    space: ModelSpace,
    data: dict[str, Any],
    budget: int,
    epochs: int,
    inherit: bool,
    max_lineage: int | None,
    seed: int,
    population: int = POPULATION,
) -> Run:
    """One evolution, its trials trained one after the other.

    With a population as large as the number of trials, it is random search.
    """
    searcher = RegularizedEvolution(
        space,
        "loss",
        "min",
        population_size=population,
        tournament_size=TOURNAMENT,
        inherit_weights=inherit,
        seed=seed,
    )
    torch.manual_seed(seed)
    checkpoints: dict[str, tuple[dict[str, Any], dict[str, torch.Tensor], int]] = {}
    run, lowest = Run(), float("inf")
    for number in range(budget // epochs):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        parent = checkpoints.get(config.get(INHERIT_FROM, ""))
        if parent is None or (max_lineage is not None and parent[2] + epochs > max_lineage):
            network, inheritance, lineage = space.build(config), Inheritance("fresh"), 0
        else:
            network, inheritance = morph(
                space, config, parent=parent[0], weights=parent[1], batch=data["train"][0][:64]
            )
            lineage = parent[2]
        train_alone(network, data["train"], seed=1_000 * seed + number, epochs=epochs)
        loss = figures(network, data["val"]).nll
        checkpoints[f"{number}/last"] = (config, network.state_dict(), lineage + epochs)
        searcher.on_trial_complete(
            trial_id=str(number),
            result={"loss": loss, "trial_folder": str(number), "checkpoint_dir_name": "last"},
        )
        run.kinds[inheritance.kind] += 1
        if loss < lowest:
            lowest, run.lineage = loss, lineage + epochs
        run.epochs.append((number + 1) * epochs)
        run.losses.append(lowest)
    return run


def interval(values: list[float]) -> list[float]:
    """Mean and the ends of its 95 % interval (Student's t over seeds)."""
    mean = float(np.mean(values))
    half = student_half_width(values)
    return [round(float(value), 4) for value in (mean, mean - half, mean + half)]


def geometric_interval(ratios: list[float]) -> list[float]:
    """Geometric mean and the ends of its 95 % interval."""
    return [round(float(np.exp(value)), 3) for value in interval(np.log(ratios).tolist())]


def compare(
    name: str, space: ModelSpace, data: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """The race in one space: every search beside the best plain evolution, seed by seed."""
    seeds = range(options.seeds)
    plain = {
        epochs: [race(space, data, options.budget, epochs, False, None, seed) for seed in seeds]
        for epochs in options.plain_epochs
    }
    best = min(plain, key=lambda epochs: np.mean([run.losses[-1] for run in plain[epochs]]))
    ways = {f"plain, {epochs} epochs each": runs for epochs, runs in plain.items()}
    ways[f"random search, {best}"] = [
        race(space, data, options.budget, best, False, None, seed, options.budget) for seed in seeds
    ]
    for limit in (None, options.max_lineage) if options.max_lineage else (None,):
        label = f"inheriting, {options.inherit_epochs}" + (f", <= {limit}" if limit else "")
        ways[label] = [
            race(space, data, options.budget, options.inherit_epochs, True, limit, seed)
            for seed in seeds
        ]
    target = float(np.mean([run.losses[-1] for run in plain[best]]))
    print(
        f"\n{name:24} {'final loss':>24} {'lower than plain by':>26} "
        f"{f'epochs to {target:.3f}':>22} {'to the same seed':>22}"
    )
    rows: dict[str, Any] = {}
    for label, runs in ways.items():
        rows[label] = row = {
            "loss": interval([run.losses[-1] for run in runs]),
            "kinds": dict(sum((run.kinds for run in runs), Counter[str]())),
            "lineage_epochs": round(float(np.mean([run.lineage for run in runs])), 1),
        }
        if runs is not plain[best]:
            pairs = list(zip(runs, plain[best], strict=True))
            goals = {
                "ratio": [target] * len(pairs),
                "paired": [other.losses[-1] for _, other in pairs],
            }
            row["lower_by"] = interval([other.losses[-1] - run.losses[-1] for run, other in pairs])
            for key, losses in goals.items():
                ratios = [
                    (run.reaches(loss) or options.budget) / (other.reaches(loss) or options.budget)
                    for (run, other), loss in zip(pairs, losses, strict=True)
                ]
                row[f"{key}_by_seed"] = [round(ratio, 3) for ratio in ratios]
                row[key] = geometric_interval(ratios)
        shown = [
            format_interval(*row[key], ".3f") if key in row else "-"
            for key in ("loss", "lower_by", "ratio", "paired")
        ]
        print(f"{label:24} {shown[0]:>24} {shown[1]:>26} {shown[2]:>22} {shown[3]:>22}", flush=True)
    return {"plain_epochs": best, "target": round(target, 4), "rows": rows}


def compare_moves(number: int) -> tuple[dict[str, Any], float]:
    """Prints and returns the kinds of inheritance in each space, and the largest difference."""
    print(
        f"{'space':16} {'moves that preserve':>22} {'growing ones':>22} {'largest difference':>20}"
    )
    inherited, largest = {}, 0.0
    for name, make in SPACES.items():
        torch.manual_seed(0)
        every, growing, difference = moves(make(), number, np.random.default_rng(0))
        largest = max(largest, difference)
        shares = [counts["preserved"] / max(1, counts.total()) for counts in (every, growing)]
        fresh = every["fresh"] / every.total()
        inherited[name] = {"preserved": shares[0], "preserved_growing": shares[1], "fresh": fresh}
        shown = [
            f"{share:.2f} of {counts.total()}"
            for share, counts in zip(shares, (every, growing), strict=True)
        ]
        print(f"{name:16} {shown[0]:>22} {shown[1]:>22} {difference:20.1e}", flush=True)
    return inherited, largest


RACES: dict[str, Callable[[], ModelSpace]] = {
    "cells": small_space,
    "chain": lambda: spaces.ChainSpace(
        (1, 12, 12), stages=2, max_layers_per_stage=3, widths=(4, 8, 16)
    ),
    "mlp": lambda: spaces.MLPSpace(
        144, 10, max_layers=4, widths=(16, 32, 64, 128), dropouts=(0.0, 0.2)
    ),
}


def parse_options() -> argparse.Namespace:
    parser = make_parser(
        __doc__, quick="40 moves, 3 seeds, 150 epochs, one space, the last two --plain-epochs"
    )
    parser.add_argument("--moves", type=int, default=300, help="random moves in each space")
    parser.add_argument("--seeds", type=int, default=5, help="searches per row of the race")
    parser.add_argument(
        "--budget", type=int, default=300, help="epochs of each search over all trials"
    )
    parser.add_argument(
        "--plain-epochs",
        type=int,
        nargs="+",
        default=[5, 10, 20],
        help="epochs of a plain training; the best number counts",
    )
    parser.add_argument(
        "--inherit-epochs", type=int, default=3, help="epochs that a trial adds to its lineage"
    )
    parser.add_argument(
        "--max-lineage", type=int, help="adds a row with lineages of at most this many epochs"
    )
    parser.add_argument(
        "--race", nargs="*", default=list(RACES), choices=list(RACES), help="spaces of the race"
    )
    options = parse(parser, moves=40, seeds=3, budget=150)
    if options.quick:
        options.race = options.race[:1]
        options.plain_epochs = options.plain_epochs[-2:]
    return options


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    start = time.process_time()
    inherited, largest = compare_moves(options.moves)
    data = small_task()
    races = {name: compare(name, RACES[name](), data, options) for name in options.race}
    print_result(
        {
            "largest_difference": largest,
            "inherited": inherited,
            "races": races,
            "seeds": options.seeds,
            "cpu_seconds": round(time.process_time() - start),
        }
    )


if __name__ == "__main__":
    main()
