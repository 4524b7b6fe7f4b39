"""Does a supernet know which cell is better? Kendall's tau of inherited figures with cells trained
alone, by strategy.

    python benchmarks/one_shot.py --quick
    python benchmarks/one_shot.py --out pairs.csv

The truth is a table of cells trained alone (`one_shot_truth.py` makes it): the mean test negative
log-likelihood over seeds. A supernet's estimate is the calibrated loss on the validation images,
with the batch-norm statistics of each sub-network (taus by the plain loss and by accuracy are
printed beside it). All strategies train as many paths; the training recipe is that of the cells
trained alone but for the learning rate.

The ceiling is what the truth would reach with itself: tau between single seeds, taken to the mean
of all seeds by Spearman and Brown's formula on the correlation that belongs to it (r = sin(pi tau /
2)).
"""

import argparse
import csv
import itertools
import json
import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from one_shot_truth import random_cells
from scipy.stats import kendalltau
from scipy.stats import t as student
from small_task import BATCH_SIZE, Figures, Pair, figures, small_space, small_task, train_alone
from torch import nn

from ray_nas.searchers import RegularizedEvolution
from ray_nas.sharing.one_shot.paths.path_strategies import STRATEGIES
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.trials.optimizer import Optimization

LEARNING_RATE = 0.1
RETRAINED = 3
"""How many of a supernet's best cells are trained alone in the end-to-end comparison."""
EVALUATED = 1000
"""How many cells a supernet is asked about there."""
Truth = dict[str, dict[int, dict[str, float]]]
"""The figures of each cell's trainings, by seed."""


def read_truth(path: Path) -> Truth:
    rows: Truth = defaultdict(dict)
    with path.open() as file:
        for row in csv.DictReader(file):
            rows[row["cell"]][int(row["seed"])] = {
                name: float(value) for name, value in row.items() if name not in ("cell", "seed")
            }
    return dict(rows)


def ceiling(truth: Truth, figure: str) -> float:
    """Tau that the mean over the seeds would have with the mean over as many others."""
    single = []
    for a, b in itertools.combinations(sorted(set().union(*truth.values())), 2):
        both = [rows for rows in truth.values() if a in rows and b in rows]
        single.append(
            kendalltau([rows[a][figure] for rows in both], [rows[b][figure] for rows in both])[0]
        )
    seeds = float(np.mean([len(rows) for rows in truth.values()]))
    r = math.sin(math.pi * np.mean(single) / 2) if single else math.nan
    return 2 / math.pi * math.asin(seeds * r / (1 + (seeds - 1) * r))


def train(name: str, data: dict[str, Pair], paths: int, seed: int) -> SupernetTraining:
    space = small_space()
    strategy = STRATEGIES[name](space, seed)
    steps = math.ceil(len(data["train"][1]) / BATCH_SIZE)
    epochs = round(paths / steps / len(strategy.paths(np.random.default_rng(0))))
    training = SupernetTraining(
        *(space, strategy, data["train"], nn.functional.cross_entropy),
        epochs=max(epochs, 1),
        batch_size=BATCH_SIZE,
        optimization=Optimization(LEARNING_RATE),
        calibration_batches=2,
        seed=seed,
    )
    while training.epoch < training.epochs:
        training.run_epoch()
        training.adapt_strategy(data["val"])
    return training


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
    """Test accuracy of what each way of searching ends with, after as many CPU seconds; all pick by
    validation loss.

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

    asked = {drawn() for _ in range(evaluated)}
    inherited = {
        cell: training.figures(space.from_arch_str(cell), data["val"])["calibrated_loss"]
        for cell in sorted(asked)
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
    """The same of random searches on the table, their mean; by trainings of one seed, since a
    seed is good or bad for all cells.
    """
    rows = [found[seed] for found in truth.values() if seed in found]
    rng = np.random.default_rng(seed)
    drawn = [
        [rows[index] for index in rng.permutation(len(rows))[:trainings]] for _ in range(searches)
    ]
    return float(
        np.mean([min(search, key=lambda row: row["val_nll"])["test_accuracy"] for search in drawn])
    )


def interval(values: list[float]) -> str:
    """Mean and 95 % interval of the mean (Student's t)."""
    spread = (
        student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
        if len(values) > 1
        else math.nan
    )
    return f"{np.mean(values):.3f} +- {spread:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--truth",
        type=Path,
        default=Path(__file__).with_name("one_shot_truth.csv"),
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
        help="sub-network steps that a supernet is trained for: 6,000 (--quick: 4,000)",
    )
    parser.add_argument(
        "--end-to-end",
        choices=list(STRATEGIES),
        help="also compares whole searches with this strategy's supernets",
    )
    parser.add_argument("--quick", action="store_true", help="a smaller run, minutes on two cores")
    parser.add_argument("--out", type=Path, help="writes each pair of estimate and truth as CSV")
    arguments = parser.parse_args()
    strategies = arguments.strategies or (
        ["fairnas", "balanced"] if arguments.quick else list(STRATEGIES)
    )
    seeds = arguments.seeds or (1 if arguments.quick else 3)
    paths = arguments.paths or (4000 if arguments.quick else 6000)
    torch.set_num_threads(1)
    data, space, truth = small_task(), small_space(), read_truth(arguments.truth)
    cells, trainings = list(truth), float(np.mean([len(rows) for rows in truth.values()]))
    target = {
        cell: float(np.mean([row["test_nll"] for row in truth[cell].values()])) for cell in cells
    }
    accuracy = {
        cell: float(np.mean([row["test_accuracy"] for row in truth[cell].values()]))
        for cell in cells
    }
    top = ceiling(truth, "test_nll")
    print(
        f"{len(cells)} cells, {trainings:.1f} seeds each; ceiling {top:.3f} (test accuracy {ceiling(truth, 'test_accuracy'):.3f})"
    )
    one_alone = alone(
        data, [cells[index] for index in range(0, len(cells), max(1, len(cells) // 6))]
    )
    print(
        f"training one cell alone: {one_alone:.2f} s\n\n{'strategy':10} {'tau':>16} {'of ceiling':>10} {'tau(loss)':>16} {'tau(accuracy)':>16} {'training s':>10}"
    )
    taus: dict[str, list[float]] = {}
    gains: dict[str, list[float]] = defaultdict(list)
    pairs: list[dict[str, Any]] = []
    costs: list[float] = []
    for name in strategies:
        taus[name] = []
        by_loss, by_accuracy, seconds = [], [], []
        for seed in range(seeds):
            start = time.process_time()
            training = train(name, data, paths, seed)
            seconds.append(time.process_time() - start)
            start = time.process_time()
            found = {
                cell: training.figures(space.from_arch_str(cell), data["val"]) for cell in cells
            }
            costs.append((time.process_time() - start) / len(cells))
            losses = {cell: one["calibrated_loss"] for cell, one in found.items()}
            by_loss.append(
                float(
                    kendalltau(
                        [found[cell]["loss"] for cell in cells], [target[cell] for cell in cells]
                    )[0]
                )
            )
            taus[name].append(
                float(
                    kendalltau([losses[cell] for cell in cells], [target[cell] for cell in cells])[
                        0
                    ]
                )
            )
            by_accuracy.append(
                float(
                    kendalltau(
                        [found[cell]["accuracy"] for cell in cells],
                        [accuracy[cell] for cell in cells],
                    )[0]
                )
            )
            pairs += [
                {
                    "strategy": name,
                    "seed": seed,
                    "cell": cell,
                    **found[cell],
                    "test_nll": target[cell],
                }
                for cell in cells
            ]
            if name == arguments.end_to_end:
                paid = round((seconds[-1] + EVALUATED * costs[-1]) / one_alone) + RETRAINED
                ends = end_to_end(training, data, truth, paid, EVALUATED, seed)
                print(
                    f"end to end, {name}, seed {seed}, {paid} trainings alone: {ends}", flush=True
                )
                for way in ("random search", "regularized evolution"):
                    gains[way].append(ends["one-shot"] - ends[way])
        share = np.mean(taus[name]) / top
        print(
            f"{name:10} {interval(taus[name]):>16} {share:10.2f} {interval(by_loss):>16} {interval(by_accuracy):>16} {np.mean(seconds):10.1f}",
            flush=True,
        )
    best = max(taus, key=lambda name: np.mean(taus[name]))
    if not arguments.quick:  # on cells beyond those of the truth, too
        others = random_cells(1000)
        start = time.process_time()
        for cell in others:
            training.figures(space.from_arch_str(cell), data["val"])
        thousand = time.process_time() - start
    else:
        thousand = 1000 * float(np.mean(costs))
    for way, points in gains.items():
        print(
            f"test accuracy of the one-shot winner ({arguments.end_to_end}) less that of {way} at equal compute: {interval(points)} points"
        )
    print(
        f"one sub-network: {1000 * np.mean(costs):.1f} ms; 1,000: {thousand:.1f} s{' (scaled)' if arguments.quick else ''}"
    )
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            table = csv.DictWriter(file, list(pairs[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(pairs)
    result = {
        "kendall_tau": round(float(np.mean(taus[best])), 4),
        "ceiling": round(top, 4),
        "share_of_ceiling": round(float(np.mean(taus[best])) / top, 4),
        "cost_ratio": round(float(np.mean(costs)) / one_alone, 5),
        "seconds_of_1000": round(thousand, 2),
        "strategy": best,
        "taus": {name: [round(tau, 4) for tau in found] for name, found in taus.items()},
        "cells": len(cells),
        "truth_seeds": round(trainings, 2),
        "paths": paths,
        "gain_points": {way: [round(gain, 3) for gain in points] for way, points in gains.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
