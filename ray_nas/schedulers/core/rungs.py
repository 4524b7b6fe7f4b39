"""Rungs of asynchronous successive halving (Li et al., 2020): https://arxiv.org/abs/1810.05934."""

import math

import numpy as np

from ray_nas.schedulers.core.sorted_values import Ranking


class Rungs:
    """The value of every trial at each rung, with the arithmetic of Ray's `ASHAScheduler`.

    Args:
        first: The lowest rung, r in the paper.
        max_t: The full length, R; no rung lies above it.
        reduction_factor: Rungs are first * eta ** k, and the best 1 / eta of each go on.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(self, first: float, max_t: float, reduction_factor: float) -> None:
        if not 0 < first <= max_t:
            raise ValueError(f"grace_period must be in (0, max_t] = (0, {max_t:g}], got {first!r}")
        if not reduction_factor > 1 or not math.isfinite(reduction_factor):
            raise ValueError(f"reduction_factor must be above 1, got {reduction_factor!r}")
        self.eta = float(reduction_factor)
        # Rounded as in Ray, which has no rung at max_t = 3 ** 5.
        count = int(np.log(max_t / first) / np.log(self.eta) + 1)
        self.levels = [float(first) * self.eta**k for k in range(count)]
        self._records = [Ranking() for _ in self.levels]

    def reach(self, trial_id: str, time: float) -> int | None:
        """The index of the highest rung at or below `time` at which the trial has no value yet.

        None if there is none. A rung that a report jumped over is thus judged at the trial's next
        report, unless that one reaches a higher rung.
        """
        for index in reversed(range(len(self.levels))):
            if self.levels[index] <= time and trial_id not in self._records[index].values:
                return index
        return None

    def cutoff(self, index: int) -> float | None:
        """The 1 - 1 / eta quantile of the values so far, which the next must reach; None if
        none.
        """
        percent = (1 - 1 / self.eta) * 100  # as Ray rounds it, which decides between equal values
        return self._records[index].quantile(percent / 100)

    def record(self, index: int, trial_id: str, value: float) -> None:
        """Notes a finite value, larger is better."""
        self._records[index].set(trial_id, value)

    def forget(self, trial_ids: set[str]) -> None:
        """Drops the records of trials."""
        for record in self._records:
            for trial_id in trial_ids:
                record.discard(trial_id)

    def get_state(self) -> list[list[object]]:
        """[level, {trial id: value}] of each rung."""
        return [
            [level, dict(record.values)]
            for level, record in zip(self.levels, self._records, strict=True)
        ]

    def set_state(self, state: list[list[object]]) -> None:
        """Takes what `get_state` gave.

        Raises:
            ValueError: The levels are others.
        """
        levels = [level for level, _ in state]
        if levels != self.levels:
            raise ValueError(
                f"the saved state has rungs at {levels}, this scheduler at {self.levels}: restore with the scheduler unchanged"
            )
        self._records = [Ranking(record) for _, record in state]  # type: ignore[arg-type]
