"""What children inherit from their parents, and whether that saves an evolution epochs.

    python benchmarks/morphisms.py --quick     # minutes on two cores
    python benchmarks/morphisms.py             # half an hour

First, in several spaces: a random network is trained for a few steps, a random move of the space is
made, and the child gets its parent's weights. Shown is how often the function is preserved (all
moves, and those that only add: more, larger, or something in place of nothing), and by how much the
outputs differ then at most.

Then a race on digits in clutter (`small_task.py`): `RegularizedEvolution` with and without
`inherit_weights`, and random search. Every epoch of every trial counts, those of all ancestors are
among them. Plain evolution trains each network from scratch for as many epochs as serve it best (of
--plain-epochs, by the mean of the final losses), random search for as many too; with inheritance
each trial adds --inherit-epochs to its lineage. The rows show the final loss; how much lower it is
than that of the plain evolution of the same seed; and two ratios of epochs, inheriting / plain:
until the mean over seeds of what plain evolution ends with is reached, and until what the plain
evolution of the same seed ends with, however early it was lucky. A seed that does not reach it
counts with the whole budget, too few. Ratios are geometric means over seeds; all intervals are 95 %
(Student's t over seeds): one that covers 1, or a difference of 0, says that nothing is shown. A
lineage may get longer than a plain training: with --max-lineage, it may not (children of an older
lineage start afresh). The last line is one JSON object.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from small_task import figures, small_space, small_task, train_alone
from torch import nn

from ray_nas.searchers import RegularizedEvolution
from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM
from ray_nas.sharing import Inheritance, morph
from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    LayerChoice,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    Repeat,
    StageSpace,
    ValueChoice,
)

POPULATION = 6
TOURNAMENT = 3


class OwnModel(nn.Module):
    """A network of a user's own: width, kernels, depth, kind of block."""

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
        """Images of shape (batch, 3, height, width) to logits."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


SPACES: dict[str, Callable[[], ModelSpace]] = {
    "own model": lambda: ModelSpace(OwnModel, input_shape=(3, 16, 16)),
    "ChainSpace": lambda: ChainSpace((3, 16, 16), widths=(8, 16, 32)),
    "MobileNetSpace": lambda: MobileNetSpace(
        (3, 16, 16), 10, stages=((8, 3, 1), (16, 3, 2)), stem_stride=1
    ),
    "StageSpace": lambda: StageSpace(
        (3, 16, 16), 10, stages=((8, 1, 1), (16, 2, 2)), stem_stride=1
    ),
    "MLPSpace": lambda: MLPSpace(20, 10, max_layers=4, widths=(16, 32, 64)),
    "NASBench201": lambda: NASBench201(channels=4, cells_per_stage=1),
    "DARTS": lambda: DARTS((3, 16, 16), channels=4, num_cells=3),
}


def grows(space: ModelSpace, parent: dict[str, Any], child: dict[str, Any]) -> bool:
    """Whether a move only adds: a larger number, or a layer with weights in place of one
    without.
    """
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
    """Kinds of inheritance in random moves and in growing ones, and the largest difference where
    preserved.
    """
    every, growing, largest = Counter[str](), Counter[str](), 0.0
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
    """One search: the lowest validation loss after so many epochs, and what the trials
    inherited.
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    lineage: int = 0
    """Epochs of the winner's lineage."""

    def reaches(self, loss: float) -> int | None:
        """The epochs after which a loss was reached, None if it was not."""
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
    """An evolution whose trials are trained here, one after the other, as Tune would have them
    trained.

    With a population as large as all trials it is random search.
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
    half = (
        student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
        if len(values) > 1
        else np.inf
    )
    return [round(float(value), 4) for value in (mean, mean - half, mean + half)]


def geometric_interval(ratios: list[float]) -> list[float]:
    """Geometric mean and the ends of its 95 % interval."""
    return [round(float(np.exp(value)), 3) for value in interval(np.log(ratios).tolist())]


def compare(
    name: str, space: ModelSpace, data: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """The race in one space: each way of searching beside the plain evolution that ends lowest,
    seed by seed.
    """
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
        f"\n{name:24} {'final loss':>24} {'lower than plain by':>26} {f'epochs to {target:.3f}':>22} {'to the same seed':>22}"
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
                row[f"{key}_by_seed"], row[key] = (
                    [round(ratio, 3) for ratio in ratios],
                    geometric_interval(ratios),
                )
        shown = [
            "{:.3f} [{:.3f}, {:.3f}]".format(*row[key]) if key in row else "-"
            for key in ("loss", "lower_by", "ratio", "paired")
        ]
        print(f"{label:24} {shown[0]:>24} {shown[1]:>26} {shown[2]:>22} {shown[3]:>22}", flush=True)
    return {"plain_epochs": best, "target": round(target, 4), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moves", type=int, default=300, help="random moves in each space")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--budget", type=int, default=300, help="epochs of each search, all trials together"
    )
    parser.add_argument(
        "--plain-epochs",
        type=int,
        nargs="+",
        default=[5, 10, 20],
        help="epochs of a plain training; the best counts",
    )
    parser.add_argument(
        "--inherit-epochs", type=int, default=3, help="epochs that a trial adds to its lineage"
    )
    parser.add_argument(
        "--max-lineage", type=int, help="also with lineages of at most so many epochs"
    )
    parser.add_argument(
        "--race",
        nargs="*",
        default=["cells", "chain", "mlp"],
        choices=["cells", "chain", "mlp"],
        help="the spaces of the race",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="40 moves, 3 seeds, 150 epochs, one space and two plain ones",
    )
    options = parser.parse_args()
    if options.quick:
        options.moves, options.seeds, options.budget = (
            min(options.moves, 40),
            min(options.seeds, 3),
            min(options.budget, 150),
        )
        options.race, options.plain_epochs = options.race[:1], options.plain_epochs[-2:]
    torch.set_num_threads(1)
    start, inherited, largest = time.process_time(), {}, 0.0
    print(
        f"{'space':16} {'moves that preserve':>22} {'growing ones':>22} {'largest difference':>20}"
    )
    for name, make in SPACES.items():
        torch.manual_seed(0)
        every, growing, difference = moves(make(), options.moves, np.random.default_rng(0))
        largest = max(largest, difference)
        shares = [counts["preserved"] / max(1, counts.total()) for counts in (every, growing)]
        fresh = every["fresh"] / every.total()
        inherited[name] = {"preserved": shares[0], "preserved_growing": shares[1], "fresh": fresh}
        shown = [
            f"{share:.2f} of {counts.total()}"
            for share, counts in zip(shares, (every, growing), strict=True)
        ]
        print(f"{name:16} {shown[0]:>22} {shown[1]:>22} {difference:20.1e}", flush=True)
    data = small_task()
    spaces: dict[str, ModelSpace] = {
        "cells": small_space(),
        "chain": ChainSpace((1, 12, 12), stages=2, max_layers_per_stage=3, widths=(4, 8, 16)),
        "mlp": MLPSpace(144, 10, max_layers=4, widths=(16, 32, 64, 128), dropouts=(0.0, 0.2)),
    }
    races = {name: compare(name, spaces[name], data, options) for name in options.race}
    print(
        json.dumps(
            {
                "largest_difference": largest,
                "inherited": inherited,
                "races": races,
                "seeds": options.seeds,
                "cpu_seconds": round(time.process_time() - start),
            }
        )
    )


if __name__ == "__main__":
    main()
