"""Replays recorded learning curves through a Tune scheduler, without Ray processes."""

import gzip
import heapq
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass
class Table:
    """Complete curves: `values` (n, T), larger is better, one report at each time 1 ... T."""

    name: str
    values: np.ndarray
    configs: list[dict]


def load_table(path: Path) -> Table:
    """Reads curves from a file.

    Args:
        path: An .npz with `val_acc` and `ops`, or a `..._curves.csv.gz` with the columns `log`,
            `epoch` and `val_loss` beside its `..._archs.csv.gz`.
    """
    if path.suffix == ".npz":
        data = np.load(path, allow_pickle=False)
        return Table(
            path.stem,
            data["val_acc"] / 250,
            [{f"edge_{k}": op for k, op in enumerate(ops)} for ops in data["ops"].tolist()],
        )
    curves = pd.read_csv(path)
    wide = curves.pivot_table(index="log", columns="epoch", values="val_loss").dropna()
    with gzip.open(str(path).replace("_curves", "_archs"), "rt") as file:
        archs = pd.read_csv(file).set_index("log")
    configs = []
    for log in wide.index:
        nodes = json.loads(archs.loc[log, "recepie"])
        counts = Counter(node["op"] for node in nodes.values())
        configs.append(
            {
                "nodes": len(nodes),
                "log_params": float(np.log(archs.loc[log, "num_params"])),
                **dict(counts),
            }
        )
    operations = sorted({name for config in configs for name in config})
    return Table(
        path.stem,
        -wide.to_numpy(),
        [{name: config.get(name, 0) for name in operations} for config in configs],
    )


class ReplayTrial:
    """The attributes of a trial that schedulers read."""

    is_saving = False

    def __init__(self, index: int, config: dict) -> None:
        self.index, self.trial_id, self.config = index, f"{index:05d}", config
        self.status, self.last_result = "PENDING", {}


class Replay:
    """Asynchronous workers on a virtual clock; every epoch takes one unit of time.

    It also serves as the schedulers' controller. `propose` returns the next trial's (config, row
    of `values`), or None.
    """

    search_alg = None

    def __init__(
        self, scheduler, values: np.ndarray, propose, searcher=None, workers: int = 8
    ) -> None:
        self.scheduler = scheduler
        self.values = values
        self.propose = propose
        self.searcher = searcher
        self.workers = workers
        self.live: list[ReplayTrial] = []
        self.rows: list[int] = []
        self.epochs: list[int] = []
        self.trace: list[tuple[int, int]] = []
        """(epochs paid so far, row whose last value is the best so far)."""

    def get_trials(self):
        """Trials that have not ended."""
        return self.live

    get_live_trials = get_trials

    def stop_trial(self, trial) -> None:
        """Called by HyperBand for the losers of a bracket."""
        if trial.status == "PAUSED":
            self.scheduler.on_trial_remove(self, trial)
        self._end(trial)

    def _end(self, trial) -> None:
        trial.status = "TERMINATED"
        if trial in self.live:
            self.live.remove(trial)
        if self.searcher is not None:
            self.searcher.on_trial_complete(trial_id=trial.trial_id, result=trial.last_result)

    def _next(self):
        trial = self.scheduler.choose_trial_to_run(self)
        if trial is None:
            proposal = self.propose(len(self.rows))
            if proposal is None:
                return None
            trial = ReplayTrial(len(self.rows), proposal[0])
            self.rows.append(proposal[1])
            self.epochs.append(0)
            self.live.append(trial)
            self.scheduler.on_trial_add(self, trial)
            trial = self.scheduler.choose_trial_to_run(self) or trial
        trial.status = "RUNNING"
        return trial

    def run(self) -> "Replay":
        """Runs until every trial has ended."""
        queue, count, paid, free, clock = [], 0, 0, self.workers, 0.0
        best, best_row = -np.inf, 0
        while True:
            while free and (trial := self._next()) is not None:
                free, count = free - 1, count + 1
                heapq.heappush(
                    queue,
                    (
                        clock + 1 + (count / self.workers if count <= self.workers else 0),
                        count,
                        trial,
                    ),
                )
            if not queue:
                return self
            clock, _, trial = heapq.heappop(queue)
            self.epochs[trial.index] += 1
            paid, epoch, row = paid + 1, self.epochs[trial.index], self.rows[trial.index]
            value = float(self.values[row, epoch - 1])
            result = {
                "epoch": epoch,
                "value": value,
                "training_iteration": epoch,
                "time_total_s": float(epoch),
            }
            if value > best:
                best, best_row = value, row
            self.trace.append((paid, best_row))
            decision = self.scheduler.on_trial_result(self, trial, result)
            trial.last_result = result
            if decision == "CONTINUE" and epoch < self.values.shape[1]:
                if self.searcher is not None:
                    self.searcher.on_trial_result(trial_id=trial.trial_id, result=result)
                count += 1
                heapq.heappush(queue, (clock + 1, count, trial))
            elif decision == "PAUSE" and epoch < self.values.shape[1]:
                trial.status, free = "PAUSED", free + 1
            else:
                free += 1
                self.scheduler.on_trial_complete(self, trial, result)
                self._end(trial)

    def pick(self) -> int:
        """The row with the best last value."""
        last = [
            self.values[row, epoch - 1] for row, epoch in zip(self.rows, self.epochs, strict=True)
        ]
        return self.rows[int(np.argmax(last))]
