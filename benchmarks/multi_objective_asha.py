"""Hypervolume share of `MultiObjectiveASHA` at equal simulated cost, on tables of real trainings.

    python benchmarks/multi_objective_asha.py --nasbench201 nasbench201.csv.gz --nlp CURVES.csv.gz
    python benchmarks/multi_objective_asha.py --nasbench201 nasbench201.csv.gz --quick

NAS-Bench-201 (validation accuracy after 12 and after 200 epochs, two separate trainings; latency)
has one rung, NAS-Bench-NLP (validation loss of 50 epochs; number of parameters) has rungs 1, 3, 9
and 27. Trials are random, the same for every scheduler, on eight workers with a virtual clock. A
trial counts once it has been trained to the end. Both objectives are scaled to the table's range,
the reference point is the worst of both, and a share of 1 is the table's own front. Costs are in
units of the table's mean training to the end. Intervals are 90 %. The last line is one JSON object.
"""

import argparse
import gzip
import heapq
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from learning_curve_replay import ReplayTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from ray_nas.pareto import best_first, hypervolume
from ray_nas.schedulers import MultiObjectiveASHA
from ray_nas.schedulers.core.epsilon_net import places_ahead

Z90 = 1.645
DIRECTIONS = {"quality": "max", "cost": "max"}
"""Both are given so that larger is better."""


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
        """Both objectives of every network trained to the end, from 0 (the table's worst) to 1."""
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


class Noted(MultiObjectiveASHA):
    """Counts arrivals that are the best so far in an objective: [stopped, all].

    Of all arrivals, and of the third ones alone.
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


class NetAlone(Noted):
    """The epsilon-net as published: the best in an objective is not kept for that."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        table = np.array([own, *earlier])
        return places_ahead(table[:, 1:], table[:, 0])


class Crowding(Noted):
    """Fronts and crowding distance, with equal distances in the order of arrival."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        table = np.array([*earlier, own])
        return int(np.flatnonzero(best_first(table[:, 1:], table[:, 0]) == len(earlier))[0])


class CrowdingAndBest(Crowding):
    """Crowding, and the best in an objective continues."""

    def _rank(self, own: list[float], earlier: list[list[float]]) -> int:
        return (
            0
            if MultiObjectiveASHA._count_ahead(self, own, earlier) == 0
            else super()._rank(own, earlier)
        )


def make_schedulers(task: Task, eta: float) -> dict[str, TrialScheduler]:
    """Fresh ones, by name."""
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
        "MultiObjectiveASHA": Noted(**several),
    }


def replay(
    task: Task, scheduler: TrialScheduler, order: np.ndarray, workers: int = 8
) -> tuple[list[float], int]:
    """The hypervolume share at each mark, and how many trials were begun by the last one."""
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


def interval(values: np.ndarray) -> list[float]:
    """Mean and half width of its 90 % interval."""
    return [
        round(float(values.mean()), 4),
        round(float(Z90 * values.std(ddof=1) / np.sqrt(len(values))), 4),
    ]


def compare(task: Task, seeds: int, eta: float) -> dict[str, Any]:
    """Every scheduler on the same random trials."""
    shares: dict[str, list[list[float]]] = {}
    begun: dict[str, list[int]] = {}
    noted: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(task.cost))
        for name, scheduler in make_schedulers(task, eta).items():
            row, trials = replay(task, scheduler, order)
            shares.setdefault(name, []).append(row)
            begun.setdefault(name, []).append(trials)
            if isinstance(scheduler, Noted):
                noted.setdefault(name, []).append(np.array([scheduler.best, scheduler.third]))
    old, figures = np.array(shares["crowding (as before)"]), {}
    for name, rows in shares.items():
        own = np.array(rows)
        figures[name] = {
            "hypervolume share": {
                str(mark): interval(own[:, k]) for k, mark in enumerate(task.marks)
            },
            "less crowding's": {
                str(mark): interval(own[:, k] - old[:, k]) for k, mark in enumerate(task.marks)
            },
            "trials begun": round(float(np.mean(begun[name])), 1),
        }
        if name in noted:
            best, third = np.sum(noted[name], axis=0).tolist()
            figures[name] |= {"best so far, stopped": best, "of third arrivals": third}
        shown = "".join(
            f"{f'{mean:.4f} +- {half:.4f}':>18}"
            for mean, half in figures[name]["hypervolume share"].values()
        )
        print(
            f"{task.name:44} {name:28} {shown}   {figures[name].get('best so far, stopped', '')}",
            flush=True,
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nasbench201",
        type=Path,
        help="CSV with val_acc_12ep, val_acc_200ep, train_seconds_per_epoch and --costs",
    )
    parser.add_argument("--costs", nargs="+", default=["edgegpu_latency_ms", "raspi4_latency_ms"])
    parser.add_argument(
        "--nlp",
        type=Path,
        help="..._curves.csv.gz with log, epoch, wall_s, val_loss beside its ..._archs.csv.gz",
    )
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--reduction-factor", type=float, default=3)
    parser.add_argument("--quick", action="store_true", help="10 seeds")
    options = parser.parse_args()
    if options.nasbench201 is None and options.nlp is None:
        parser.error("give --nasbench201 or --nlp")
    tasks = (
        [nasbench201(options.nasbench201, cost) for cost in options.costs]
        if options.nasbench201
        else []
    )
    tasks += [nasbench_nlp(options.nlp)] if options.nlp else []
    seeds = min(options.seeds, 10) if options.quick else options.seeds
    print(
        f"{'table':44} {'scheduler':28} hypervolume share after so many trainings' cost; best so far in an objective: [stopped, all]"
    )
    figures = {}
    for task in tasks:
        print(f"{'':73} {''.join(f'{mark:>18}' for mark in task.marks)}")
        figures[task.name] = compare(task, seeds, options.reduction_factor)
    print(
        json.dumps(
            {"seeds": seeds, "reduction_factor": options.reduction_factor, "tables": figures}
        )
    )


if __name__ == "__main__":
    main()
