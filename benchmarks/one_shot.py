"""Kendall's tau between a supernet's estimates of cells and training them alone.

    python benchmarks/one_shot.py --quick
    python benchmarks/one_shot.py --pairs pairs.csv

The ground truth is a table of cells trained alone (made by `one_shot_truth.py`): the mean test
negative log-likelihood over seeds. A supernet's estimate is the calibrated loss on the validation
images, with batch-norm statistics of each sub-network; taus of the plain loss and of the accuracy
stand beside it. All strategies train the same number of paths, with the recipe of the cells trained
alone except for the learning rate. Trivial estimates are in the same table: the number of 3x3
convolutions on used edges, parameters and FLOPs. "given 3x3" is the partial tau, what an estimate
explains beyond that number; it need not be 0 for the number with noise, which has its own row.
"top 10 %" is the share of an estimate's best 16 cells that are among the true best 16 of 160. Rows
"sorted" evaluate the same supernets with all data sorted by class.

Intervals are 95 %, by bootstrap over cells and supernets. The truth's reliability is the tau of its
means with those of as many new trainings, by split halves (see `rankings.py`); a noiseless estimate
would reach slightly more. The last line is one JSON object.
"""

import csv
import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from command_line import make_parser, print_result
from intervals import student_half_width
from one_shot_truth import TRUTH
from rankings import interval, partial_tau, precision_at_top, reliability, tau
from small_task import (
    BATCH_SIZE,
    CANVAS,
    Figures,
    Pair,
    figures,
    small_space,
    small_task,
    train_alone,
)
from torch import nn

from ray_nas.estimators.cost import profile
from ray_nas.searchers import RegularizedEvolution
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces.cells.cell_layers import EDGES
from ray_nas.trials.optimizer import Optimization

LEARNING_RATE = 0.1
RETRAINED = 3
"""Number of a supernet's best cells that the end-to-end comparison trains alone."""
EVALUATED = 1000
"""Number of cells that a supernet evaluates in that comparison."""
Truth = dict[str, dict[int, dict[str, float]]]
"""Metrics of each cell's trainings, by seed."""


def read_truth(path: Path) -> Truth:
    rows: Truth = defaultdict(dict)
    with path.open() as file:
        for row in csv.DictReader(file):
            rows[row["cell"]][int(row["seed"])] = {
                name: float(value) for name, value in row.items() if name not in ("cell", "seed")
            }
    return dict(rows)


def trivial(cells: list[str]) -> dict[str, np.ndarray]:
    """Estimates of cells without any training; larger is better."""
    space = small_space()
    costs = [profile(space.build(space.from_arch_str(cell)), (1, CANVAS, CANVAS)) for cell in cells]
    return {
        "3x3 convolutions": np.array(
            [used_operations(cell).count("nor_conv_3x3") for cell in cells], dtype=float
        ),
        "parameters": np.array([cost.params for cost in costs], dtype=float),
        "FLOPs": np.array([cost.flops for cost in costs], dtype=float),
    }


def used_operations(cell: str) -> list[str]:
    """The operations on edges that lead from the cell's input to its output."""
    config = small_space().from_arch_str(cell)
    edges = [edge for edge in EDGES if config[f"edge_{edge[0]}_{edge[1]}"] != "none"]
    reached, needed = {0}, {3}
    for _ in range(3):
        reached |= {target for source, target in edges if source in reached}
        needed |= {source for source, target in edges if target in needed}
    return [
        config[f"edge_{source}_{target}"]
        for source, target in edges
        if source in reached and target in needed
    ]


def supernet(name: str, data: dict[str, Pair], paths: int, seed: int) -> SupernetTraining:
    """A supernet's training from its start."""
    space = small_space()
    strategy = STRATEGIES[name](space, seed)
    steps = math.ceil(len(data["train"][1]) / BATCH_SIZE)
    epochs = round(paths / steps / len(strategy.paths(np.random.default_rng(0))))
    return SupernetTraining(
        *(space, strategy, data["train"], nn.functional.cross_entropy),
        epochs=max(epochs, 1),
        batch_size=BATCH_SIZE,
        optimization=Optimization(LEARNING_RATE),
        seed=seed,
    )


def train(name: str, data: dict[str, Pair], paths: int, seed: int) -> SupernetTraining:
    training = supernet(name, data, paths, seed)
    while training.epoch < training.epochs:
        training.run_epoch()
        training.adapt_strategy(data["val"])
    return training


def by_class(data: dict[str, Pair]) -> dict[str, Pair]:
    """The same data sorted by class."""
    orders = {name: torch.argsort(labels, stable=True) for name, (_, labels) in data.items()}
    return {
        name: (images[orders[name]], labels[orders[name]])
        for name, (images, labels) in data.items()
    }


def asked(
    training: SupernetTraining, data: dict[str, Pair], cells: list[str]
) -> list[dict[str, float]]:
    """A trained supernet's figures of cells, with the seconds that they took."""
    space, found = small_space(), []
    for cell in cells:
        start = time.process_time()
        figures_of = training.evaluate(space.from_arch_str(cell), data["val"])
        found.append({**figures_of, "seconds": time.process_time() - start})
    return found


def alone(data: dict[str, Pair], cells: list[str]) -> float:
    """Mean seconds of training and evaluating a cell alone."""
    space = small_space()
    start = time.process_time()
    for seed, cell in enumerate(cells):
        network = space.build(space.from_arch_str(cell))
        train_alone(network, data["train"], seed)
        figures(network, data["val"])
    return (time.process_time() - start) / len(cells)


def end_to_end(
    training: SupernetTraining,
    data: dict[str, Pair],
    truth: Truth,
    trainings: int,
    evaluated: int,
    seed: int,
) -> dict[str, float]:
    """Final test accuracy of each search after the same CPU time; all choose by validation loss.

    Args:
        training: A trained supernet.
        data: The task.
        truth: Random search draws its trainings from this table.
        trainings: How many cells can be trained alone in the time of this supernet, its evaluations
            and `RETRAINED` trainings.
        evaluated: How many cells the supernet is asked about, drawn at random.
        seed: Of the searches and of all trainings.
    """
    space, rng = small_space(), np.random.default_rng(seed)
    found: dict[str, Figures] = {}

    def trained(cell: str) -> Figures:
        if cell not in found:
            torch.manual_seed(seed)
            network = space.build(space.from_arch_str(cell))
            train_alone(network, data["train"], seed)
            val, test = figures(network, data["val"]), figures(network, data["test"])
            found[cell] = Figures(test.accuracy, val.nll)
        return found[cell]

    def drawn() -> str:
        return space.to_arch_str(space.sample(random_state=rng))

    drawn_cells = {drawn() for _ in range(evaluated)}
    inherited = {
        cell: training.evaluate(space.from_arch_str(cell), data["val"])["calibrated_loss"]
        for cell in sorted(drawn_cells)
    }
    chosen = {
        "one-shot": sorted(inherited, key=lambda cell: inherited[cell])[:RETRAINED],
        "regularized evolution": [],
    }
    searcher = RegularizedEvolution(space, "loss", "min", seed=seed)
    for number in range(trainings):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        cell = space.to_arch_str(config)
        searcher.on_trial_complete(trial_id=str(number), result={"loss": trained(cell).nll})
        chosen["regularized evolution"].append(cell)
    ends = {way: [trained(cell) for cell in cells] for way, cells in chosen.items()}
    return {
        **{way: min(reached, key=lambda one: one.nll).accuracy for way, reached in ends.items()},
        "random search": random_search(truth, trainings, seed),
    }


def random_search(truth: Truth, trainings: int, seed: int, searches: int = 200) -> float:
    """Mean test accuracy of random searches on the table.

    A search uses trainings of one seed, since a seed is good or bad for all cells.
    """
    rows = [found[seed] for found in truth.values() if seed in found]
    rng = np.random.default_rng(seed)
    drawn = [
        [rows[index] for index in rng.permutation(len(rows))[:trainings]] for _ in range(searches)
    ]
    return float(
        np.mean([min(search, key=lambda row: row["val_nll"])["test_accuracy"] for search in drawn])
    )


def read_pairs(path: Path | None) -> list[dict[str, Any]]:
    """Measurements of an earlier run."""
    if path is None or not path.exists():
        return []
    text = ("strategy", "order", "cell")
    with path.open() as file:
        return [
            {name: value if name in text else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]


def write_pairs(path: Path, pairs: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(pairs[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(pairs)


def table_row(
    estimates: dict[str, list[np.ndarray]],
    truth: dict[str, np.ndarray],
    given: np.ndarray,
    is_given: bool,
) -> dict[str, Any]:
    """The figures of one row, each (mean, low, high).

    Args:
        estimates: By figure ("calibrated_loss", "loss", "accuracy"; a trivial one is
            "calibrated_loss" alone), one array a seed.
        truth: The negated loss and the accuracy of the cells.
        given: The count of 3x3 convolutions.
        is_given: Whether the estimate is that count itself.
    """
    best = estimates["calibrated_loss"]
    nll = truth["nll"]
    row = {
        "tau": interval(lambda estimate, at: tau(estimate, nll[at]), best),
        "top": interval(lambda estimate, at: precision_at_top(estimate, nll[at]), best),
    }
    if not is_given:
        row["partial"] = interval(
            lambda estimate, at: partial_tau(estimate, nll[at], given[at]), best
        )
    if "loss" in estimates:
        row["tau_loss"] = interval(lambda estimate, at: tau(estimate, nll[at]), estimates["loss"])
        row["tau_accuracy"] = interval(
            lambda estimate, at: tau(estimate, truth["accuracy"][at]), estimates["accuracy"]
        )
    return row


def print_row(name: str, row: dict[str, Any], seconds: str = "") -> None:
    def shown(key: str) -> str:
        return "{:.3f} [{:.2f}, {:.2f}]".format(*row[key]) if key in row else "-"

    columns = "".join(
        f"{shown(key):>21}" for key in ("tau", "partial", "top", "tau_loss", "tau_accuracy")
    )
    print(f"{name:18}{columns}{seconds:>12}", flush=True)


def estimates_of(
    pairs: list[dict[str, Any]], strategy: str, order: str, cells: list[str]
) -> dict[str, list[np.ndarray]]:
    """A strategy's estimates by figure, one array a supernet, all to be maximised."""
    rows = {
        (row["seed"], row["cell"]): row
        for row in pairs
        if row["strategy"] == strategy and row["order"] == order
    }
    seeds = sorted({seed for seed, _ in rows})
    signs = {"calibrated_loss": -1.0, "loss": -1.0, "accuracy": 1.0}
    return {
        name: [np.array([sign * rows[seed, cell][name] for cell in cells]) for seed in seeds]
        for name, sign in signs.items()
    }


def main() -> None:
    parser = make_parser(__doc__, quick="a smaller run, minutes on two cores")
    parser.add_argument(
        "--truth",
        type=Path,
        default=TRUTH,
        help="table of cells trained alone",
    )
    parser.add_argument(
        "--strategies",
        nargs="+",
        choices=list(STRATEGIES),
        help="all (--quick: fairnas and balanced)",
    )
    parser.add_argument("--seeds", type=int, help="supernets of each strategy: 3 (--quick: 1)")
    parser.add_argument(
        "--paths",
        type=int,
        help="training steps of sub-networks per supernet: 6,000 (--quick: 4,000)",
    )
    parser.add_argument(
        "--end-to-end",
        choices=list(STRATEGIES),
        help="also compares whole searches with this strategy's supernets",
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        help="CSV file of estimates; supernets in it are not trained again",
    )
    arguments = parser.parse_args()
    strategies = arguments.strategies or (
        ["fairnas", "balanced"] if arguments.quick else list(STRATEGIES)
    )
    seeds = arguments.seeds or (1 if arguments.quick else 3)
    paths = arguments.paths or (4000 if arguments.quick else 6000)
    torch.set_num_threads(1)
    data, truth = small_task(), read_truth(arguments.truth)
    cells = list(truth)
    means = {
        "nll": np.array(
            [-np.mean([row["test_nll"] for row in truth[cell].values()]) for cell in cells]
        ),
        "accuracy": np.array(
            [np.mean([row["test_accuracy"] for row in truth[cell].values()]) for cell in cells]
        ),
    }
    trainings = min(len(rows) for rows in truth.values())
    reliable, noiseless = reliability(
        np.array(
            [
                [truth[cell][seed]["test_nll"] for seed in sorted(truth[cell])[:trainings]]
                for cell in cells
            ]
        )
    )
    one_alone = alone(
        data, [cells[index] for index in range(0, len(cells), max(1, len(cells) // 6))]
    )
    print(
        f"{len(cells)} cells, {trainings} trainings each: reliability {reliable:.3f}, "
        f"a noiseless estimate would reach {noiseless:.3f}"
    )
    print(f"training one cell alone: {one_alone:.2f} s\n")
    print(
        f"{'estimate':18}{'tau':>21}{'given 3x3':>21}{'top 10 %':>21}"
        f"{'tau(loss)':>21}{'tau(accuracy)':>21}{'training s':>12}"
    )
    known = trivial(cells)
    rng = np.random.default_rng(0)
    noisy = [known["3x3 convolutions"] + 0.3 * rng.normal(size=len(cells)) for _ in range(5)]
    convolutions = known["3x3 convolutions"]
    table: dict[str, dict[str, Any]] = {}
    for name, values in known.items():
        table[name] = table_row(
            {"calibrated_loss": [values]}, means, convolutions, is_given=name == "3x3 convolutions"
        )
        print_row(name, table[name])
    table["3x3 with noise"] = table_row(
        {"calibrated_loss": noisy}, means, convolutions, is_given=False
    )
    print_row("3x3 with noise", table["3x3 with noise"])
    pairs = read_pairs(arguments.pairs)
    gains: dict[str, list[float]] = defaultdict(list)
    for name in strategies:
        for seed in range(seeds):
            if any(
                (row["strategy"], row["seed"], row["paths"]) == (name, seed, paths) for row in pairs
            ):
                continue
            start = time.process_time()
            training = train(name, data, paths, seed)
            seconds = time.process_time() - start
            for order, given in {"shuffled": data, "sorted": by_class(data)}.items():
                again = supernet(name, given, paths, seed)
                again.take(training.tensors(), training.epoch)
                at = {
                    "strategy": name,
                    "order": order,
                    "seed": seed,
                    "paths": paths,
                    "training_seconds": round(seconds, 1),
                }
                found = asked(again, given, cells)
                pairs += [
                    {**at, "cell": cell, **one} for cell, one in zip(cells, found, strict=True)
                ]
            if arguments.pairs:
                write_pairs(arguments.pairs, pairs)
            if name == arguments.end_to_end:
                each = float(np.mean([one["seconds"] for one in found]))
                paid = round((seconds + EVALUATED * each) / one_alone) + RETRAINED
                ends = end_to_end(training, data, truth, paid, EVALUATED, seed)
                print(
                    f"end to end, {name}, seed {seed}, {paid} trainings alone: {ends}", flush=True
                )
                for way in ("random search", "regularized evolution"):
                    gains[way].append(ends["one-shot"] - ends[way])
        own = [
            row
            for row in pairs
            if row["strategy"] == name and row["paths"] == paths and row["seed"] < seeds
        ]
        for order in ("shuffled", "sorted"):
            label = name if order == "shuffled" else f"{name}, sorted"
            table[label] = table_row(
                estimates_of(own, name, order, cells), means, convolutions, is_given=False
            )
            print_row(
                label,
                table[label],
                f"{np.mean([row['training_seconds'] for row in own]):.1f}"
                if order == "shuffled"
                else "",
            )
    for way, points in gains.items():
        print(
            f"test accuracy of the one-shot winner ({arguments.end_to_end}) minus that of {way} "
            f"at equal compute: {np.mean(points):.3f} +- {student_half_width(points):.3f} points"
        )
    cost = float(np.mean([row["seconds"] for row in pairs]))
    print(f"one sub-network: {1000 * cost:.1f} ms, {cost / one_alone:.4f} of training it alone")
    result = {
        "reliability": round(reliable, 4),
        "noiseless": round(noiseless, 4),
        "table": {
            name: {key: [round(value, 4) for value in values] for key, values in row.items()}
            for name, row in table.items()
        },
        "cost_ratio": round(cost / one_alone, 5),
        "cells": len(cells),
        "truth_trainings": trainings,
        "seeds": seeds,
        "paths": paths,
        "gain_points": {way: [round(gain, 3) for gain in points] for way, points in gains.items()},
    }
    print_result(result)


if __name__ == "__main__":
    main()
