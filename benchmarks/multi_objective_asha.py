"""Hypervolume share of `MultiObjectiveASHA` at equal simulated cost, on tables of real trainings.

    python benchmarks/multi_objective_asha.py --nasbench201 nasbench201.csv.gz --nlp CURVES.csv.gz
    python benchmarks/multi_objective_asha.py --nasbench201 nasbench201.csv.gz --quick

NAS-Bench-201 (validation accuracy after 12 and after 200 epochs, two separate trainings; latency)
has one rung; NAS-Bench-NLP (validation loss of 50 epochs; number of parameters) has rungs 1, 3, 9
and 27. Trials are random, the same for every scheduler, on eight workers with a virtual clock. A
trial counts once it is fully trained. Both objectives are scaled to the table's range, the
reference point is the worst value of both, and a share of 1 is the hypervolume of the table's
Pareto front. Costs are in units of the table's mean full training. Intervals are 90 %. The last
line is one JSON object.
"""

import argparse
import gzip
import heapq
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from command_line import make_parser, parse, print_result
from intervals import normal_interval
from learning_curve_replay import ReplayTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from ray_nas.pareto import best_first, hypervolume
from ray_nas.schedulers import MultiObjectiveASHA
from ray_nas.schedulers.core.epsilon_net import places_ahead

DIRECTIONS = {"quality": "max", "cost": "max"}
"""Larger values of both are better."""


@dataclass(frozen=True)
class Task:
    """Trainings of n networks, with larger `quality` and `cost` better.

    Shapes: `epochs` (reports,), `quality` and `seconds` since the start (n, reports), `cost` (n,).
    """

    name: str
    epochs: np.ndarray
    quality: np.ndarray
    seconds: np.ndarray
    cost: np.ndarray
    marks: tuple[int, ...]

    @cached_property
    def scaled(self) -> np.ndarray:
        """Final objectives of every network, from 0 (the table's worst value) to 1."""
        values = np.column_stack([self.quality[:, -1], self.cost])
        return (values - values.min(axis=0)) / np.ptp(values, axis=0)

    @cached_property
    def whole(self) -> float:
        """The hypervolume of the table."""
        return hypervolume(self.scaled, np.zeros(2))

    def share(self, rows: list[int]) -> float:
        """The hypervolume of some of the networks, as a share of the table's."""
        return hypervolume(self.scaled[rows], np.zeros(2)) / self.whole


def nasbench201(path: Path, cost: str) -> Task:
    """NAS-Bench-201: accuracy after 12 and 200 epochs, and one of its costs."""
    frame = pd.read_csv(path)
    epochs = np.array([12, 200])
    quality = frame[["val_acc_12ep", "val_acc_200ep"]].to_numpy()
    seconds = frame["train_seconds_per_epoch"].to_numpy()[:, None] * epochs
    return Task(
        f"NAS-Bench-201, accuracy x {cost}",
        epochs,
        quality,
        seconds,
        -frame[cost].to_numpy(),
        (10, 20, 50),
    )


def nasbench_nlp(path: Path) -> Task:
    """NAS-Bench-NLP: validation loss by epoch, and the number of parameters."""
    curves = pd.read_csv(path)
    loss = curves.pivot_table(index="log", columns="epoch", values="val_loss").dropna()
    seconds = (
        curves.pivot_table(index="log", columns="epoch", values="wall_s")
        .loc[loss.index]
        .cumsum(axis=1)
    )
    with gzip.open(str(path).replace("_curves", "_archs"), "rt") as file:
        size = pd.read_csv(file).set_index("log").loc[loss.index, "num_params"]
    return Task(
        "NAS-Bench-NLP, loss x parameters",
        loss.columns.to_numpy(),
        -loss.to_numpy(),
        seconds.to_numpy(),
        -np.log(size.to_numpy()),
        (5, 10, 20),
    )


class Counting(MultiObjectiveASHA):
    """Counts arrivals that are the best so far in an objective: [stopped, all].

    `best` covers all arrivals at a rung, `third` only the third ones.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.best, self.third = [0, 0], [0, 0]

    def _count_ahead(self, own: list[float], earlier: list[list[float]]) -> int:
        ahead = self._rank(own, earlier)
        if earlier and (np.array(own[1:]) > np.array(earlier)[:, 1:].max(axis=0)).any():
            for count in (self.best, self.third) if len(earlier) == 2 else (self.best,):
                count[0] += ahead > len(earlier) / self._rungs.eta
                count[1] += 1
        return ahead

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        return super()._count_ahead(own, earlier)


class NetAlone(Counting):
    """The epsilon-net as published: the best in an objective may be stopped."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        table = np.array([own, *earlier])
        return places_ahead(table[:, 1:], table[:, 0])


class Crowding(Counting):
    """Fronts and crowding distance, with equal distances in the order of arrival."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        table = np.array([*earlier, own])
        return int(np.flatnonzero(best_first(table[:, 1:], table[:, 0]) == len(earlier))[0])


class CrowdingAndBest(Crowding):
    """Crowding, in which the best in an objective continues."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        if MultiObjectiveASHA._count_ahead(self, own, earlier) == 0:
            return 0
        return super()._rank(own, earlier)


def make_schedulers(task: Task, eta: float) -> dict[str, TrialScheduler]:
    """New schedulers by name."""
    rungs = {
        "time_attr": "epoch",
        "max_t": int(task.epochs[-1]),
        "grace_period": int(task.epochs[0]),
        "reduction_factor": eta,
    }
    several = {"objectives": DIRECTIONS, **rungs}
    return {
        "random, all to the end": FIFOScheduler(),
        "ASHA on the first objective": ASHAScheduler(metric="quality", mode="max", **rungs),
        "crowding (as before)": Crowding(**several),
        "crowding, the best continue": CrowdingAndBest(**several),
        "epsilon-net alone": NetAlone(**several),
        "MultiObjectiveASHA": Counting(**several),
    }


def replay(
    task: Task, scheduler: TrialScheduler, order: np.ndarray, workers: int = 8
) -> tuple[list[float], int]:
    """The hypervolume share at each mark, and the number of trials started by the last."""
    unit = task.seconds[:, -1].mean()
    queue: list[tuple[float, int, int]] = []
    trials: dict[int, ReplayTrial] = {}
    finished: list[int] = []
    paid, clock, shares = 0.0, 0.0, []
    waiting = iter(order.tolist())

    def start() -> None:
        row = next(waiting, None)
        if row is not None:
            trials[row] = ReplayTrial(len(trials), {})
            scheduler.on_trial_add(None, trials[row])
            heapq.heappush(queue, (clock + task.seconds[row, 0], row, 0))

    for _ in range(workers):
        start()
    while queue and len(shares) < len(task.marks):
        clock, row, report = heapq.heappop(queue)
        paid += task.seconds[row, report] - (task.seconds[row, report - 1] if report else 0.0)
        while len(shares) < len(task.marks) and paid > task.marks[len(shares)] * unit:
            shares.append(task.share(finished))
        result = {
            "epoch": int(task.epochs[report]),
            "quality": float(task.quality[row, report]),
            "cost": float(task.cost[row]),
        }
        decision = scheduler.on_trial_result(None, trials[row], result)
        is_last = report == len(task.epochs) - 1
        if decision == "CONTINUE" and not is_last:
            heapq.heappush(
                queue,
                (
                    clock + task.seconds[row, report + 1] - task.seconds[row, report],
                    row,
                    report + 1,
                ),
            )
            continue
        if is_last:
            finished.append(row)
        scheduler.on_trial_complete(None, trials[row], result)
        start()
    return [*shares, *[task.share(finished)] * (len(task.marks) - len(shares))], len(trials)


def compare(task: Task, seeds: int, eta: float) -> dict[str, Any]:
    """Runs every scheduler on the same random trials."""
    shares: dict[str, list[list[float]]] = {}
    begun: dict[str, list[int]] = {}
    noted: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(task.cost))
        for name, scheduler in make_schedulers(task, eta).items():
            row, trials = replay(task, scheduler, order)
            shares.setdefault(name, []).append(row)
            begun.setdefault(name, []).append(trials)
            if isinstance(scheduler, Counting):
                noted.setdefault(name, []).append(np.array([scheduler.best, scheduler.third]))
    old = np.array(shares["crowding (as before)"])
    result: dict[str, Any] = {}
    for name, rows in shares.items():
        own = np.array(rows)
        result[name] = {
            "hypervolume share": {
                str(mark): normal_interval(own[:, k]) for k, mark in enumerate(task.marks)
            },
            "less crowding's": {
                str(mark): normal_interval(own[:, k] - old[:, k])
                for k, mark in enumerate(task.marks)
            },
            "trials begun": round(float(np.mean(begun[name])), 1),
        }
        if name in noted:
            best, third = np.sum(noted[name], axis=0).tolist()
            result[name] |= {"best so far, stopped": best, "of third arrivals": third}
        shown = "".join(
            f"{f'{mean:.4f} +- {half:.4f}':>18}"
            for mean, half in result[name]["hypervolume share"].values()
        )
        print(
            f"{task.name:44} {name:28} {shown}   {result[name].get('best so far, stopped', '')}",
            flush=True,
        )
    return result


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="10 seeds")
    parser.add_argument(
        "--nasbench201",
        type=Path,
        help="CSV with val_acc_12ep, val_acc_200ep, train_seconds_per_epoch and --costs",
    )
    parser.add_argument(
        "--costs",
        nargs="+",
        default=["edgegpu_latency_ms", "raspi4_latency_ms"],
        help="columns of the CSV file, each one task",
    )
    parser.add_argument(
        "--nlp",
        type=Path,
        help="..._curves.csv.gz with log, epoch, wall_s, val_loss beside its ..._archs.csv.gz",
    )
    parser.add_argument("--seeds", type=int, default=100, help="runs per scheduler and table")
    parser.add_argument("--reduction-factor", type=float, default=3, help="of all schedulers")
    options = parse(parser, seeds=10)
    if options.nasbench201 is None and options.nlp is None:
        parser.error("give --nasbench201 or --nlp")
    return options


def main() -> None:
    options = parse_options()
    tasks = []
    if options.nasbench201:
        tasks += [nasbench201(options.nasbench201, cost) for cost in options.costs]
    if options.nlp:
        tasks.append(nasbench_nlp(options.nlp))
    print(
        f"{'table':44} {'scheduler':28} hypervolume share by cost in full trainings; "
        "best so far in an objective: [stopped, all]"
    )
    result = {}
    for task in tasks:
        print(f"{'':73} {''.join(f'{mark:>18}' for mark in task.marks)}")
        result[task.name] = compare(task, options.seeds, options.reduction_factor)
    print_result(
        {
            "seeds": options.seeds,
            "reduction_factor": options.reduction_factor,
            "tables": result,
        }
    )


if __name__ == "__main__":
    main()
