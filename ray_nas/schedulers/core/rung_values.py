"""What every trial reported at each rung, for one metric."""

from collections.abc import Collection
from typing import Any

from ray_nas.schedulers.core.rungs import RungLevels
from ray_nas.schedulers.core.sorted_values import SortedValues


class RungValues:
    """The value of every trial at each rung, compared as in Ray's `ASHAScheduler`.

    Args:
        rungs: The levels.

    Example:
        >>> values = RungValues(RungLevels(grace_period=1, max_t=9, reduction_factor=2))
        >>> for trial_id, value in {"a": 0.1, "b": 0.2, "c": 0.6}.items():
        ...     values.record(0, trial_id, value)
        >>> values.cutoff(0)
        0.2
    """

    def __init__(self, rungs: RungLevels) -> None:
        self.rungs = rungs
        self._records = [SortedValues() for _ in rungs.levels]

    def reached(self, time: float, trial_id: str) -> int | None:
        """The index of the highest rung reached at which the trial has no value; None if none."""
        return self.rungs.reached(time, trial_id, self._records)

    def cutoff(self, rung: int) -> float | None:
        """The value that the next trial must reach to continue; None at an empty rung.

        It is the 1 - 1 / eta quantile of the values so far.
        """
        # Rounded as in Ray, which decides between equal values
        percent = (1 - 1 / self.rungs.eta) * 100
        return self._records[rung].quantile(percent / 100)

    def record(self, rung: int, trial_id: str, value: float) -> None:
        """Records a trial's value at a rung: finite, larger is better."""
        self._records[rung].set(trial_id, value)

    def remove(self, trial_ids: Collection[str]) -> None:
        """Removes trials from all rungs; unknown ones are ignored."""
        for record in self._records:
            for trial_id in trial_ids:
                record.discard(trial_id)

    def get_state(self) -> list[list[Any]]:
        """Returns [level, {trial id: value}] for each rung, as JSON values."""
        return self.rungs.get_state([record.values for record in self._records])

    def set_state(self, state: list[list[Any]]) -> None:
        """Restores a state returned by `get_state`.

        Raises:
            ValueError: The state has other levels.
        """
        self._records = [SortedValues(record) for record in self.rungs.records_of(state)]
