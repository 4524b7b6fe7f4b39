"""Real results of NAS-Bench-201 with a known truth, for `verdict.py`.

A training reports the real accuracy after 12 epochs (as epoch 3 of 9), then that of one of the
trainings with 200 epochs (as epoch 9). In the case "noise" the results are dealt out to the cells
at random. In "misled" the best cell has the worst cell's result after 12 epochs, and so on. In
"overfit" each cell has the test result of a random one of the better half.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from known_truth import EPOCHS, Kind

from ray_nas.retraining.results import RetrainedTrial, Retraining
from ray_nas.spaces import NASBench201

SEEDS = [f"val_acc_200ep_seed{seed}" for seed in range(3)]


def read_cells(path: Path) -> pd.DataFrame:
    """The table by cell; an unfinished column of seeds is filled with the mean."""
    frame = pd.read_csv(path).set_index("arch_str")
    frame[SEEDS] = frame[SEEDS].apply(lambda column: column.fillna(frame.val_acc_200ep))
    return frame


class TableTask:
    """A search on the table, like `known_truth.Task`."""

    KINDS: ClassVar[tuple[Kind, ...]] = ("control", "noise", "misled", "overfit", "unbeaten")
    first_rung = 3

    def __init__(self, cells: pd.DataFrame, kind: Kind, seed: int) -> None:
        self.space, self.kind, self.seed = NASBench201(), kind, seed
        self._places = {cell: place for place, cell in enumerate(cells.index)}
        rng = np.random.default_rng([seed, 17])
        count = len(cells)
        dealt = rng.permutation(count) if kind == "noise" else np.arange(count)
        self._early = cells.val_acc_12ep.to_numpy()[dealt]
        self._final = cells[SEEDS].to_numpy()[dealt]
        self._test = cells.test_acc_200ep.to_numpy()[dealt]
        order = np.argsort(self._final.mean(1))
        if kind == "misled":
            self._early[order] = self._early[order[::-1]]
        if kind == "overfit":
            self._test = self._test[rng.choice(order[count // 2 :], count)]
        place = order[-1] if kind == "unbeaten" else order[len(order) // 2]
        self.baseline = self.space.from_arch_str(str(cells.index[place]))

    def train(
        self, config: Mapping[str, Any], rng: np.random.Generator
    ) -> Iterator[tuple[float, Any]]:
        """Reports the cell's short and one of its long trainings."""
        place = self._place(config)
        yield 1.0, {"accuracy": self._early[place], "epoch": 3}
        metrics = {"accuracy": float(rng.choice(self._final[place])), "epoch": EPOCHS}
        if self.kind != "noise":
            metrics["test_accuracy"] = self._test[place]
        yield 2.0, metrics

    def tested(self, config: Mapping[str, Any]) -> float:
        """What a cell is worth; results that were dealt out are worth nothing."""
        return 0.0 if self.kind == "noise" else float(self._final[self._place(config)].mean())

    def retrain(self, winner: str, config: Mapping[str, Any], seeds: int = 3) -> Retraining:
        """The cell's three real trainings; after dealing out, those of any cells."""
        rng = np.random.default_rng([self.seed, 19])
        trials = []
        for name, one in ((winner, config), ("baseline", self.baseline)):
            results = self._final[self._place(one)]
            if self.kind == "noise":
                results = rng.choice(self._final[:, 0], seeds)
            trials += [
                RetrainedTrial(name, dict(one), seed, {"accuracy": float(value)})
                for seed, value in enumerate(results[:seeds])
            ]
        return Retraining(trials, "accuracy", "max", None, winner)

    def _place(self, config: Mapping[str, Any]) -> int:
        return self._places[self.space.to_arch_str(config)]
