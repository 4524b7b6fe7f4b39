"""Rungs of asynchronous successive halving (Li et al., 2020): https://arxiv.org/abs/1810.05934."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from ray_nas.checks import check_float

Record = TypeVar("Record")

_ROUNDING: Final = 1e-9
"""A time this far below a rung, as a share, has reached it: 0.3 is below 0.1 * 3."""


class RungLevels:
    """The budgets at which trials are compared: `grace_period * eta ** k`, as in Ray's ASHA.

    Args:
        grace_period: The lowest rung, r in the paper.
        max_t: The full length, R in the paper; no rung lies above it.
        reduction_factor: eta in the paper; the best 1 / eta continue at each rung.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> rungs = RungLevels(grace_period=1, max_t=9, reduction_factor=3)
        >>> rungs.levels
        [1.0, 3.0, 9.0]
        >>> rungs.reached(4, "a", records=[{}, {"a": 0.5}, {}])
        0
    """

    def __init__(self, grace_period: float, max_t: float, reduction_factor: float) -> None:
        if not 0 < grace_period <= max_t:
            raise ValueError(
                f"grace_period must be in (0, max_t] = (0, {max_t:g}], got {grace_period!r}"
            )
        check_float("reduction_factor", reduction_factor, above=1)
        self.eta = float(reduction_factor)
        # Rounded as in Ray, which has no rung at max_t = 3 ** 5
        count = int(np.log(max_t / grace_period) / np.log(self.eta) + 1)
        self.levels = [float(grace_period) * self.eta**k for k in range(count)]

    def reached(self, time: float, trial_id: str, records: Sequence[Container[str]]) -> int | None:
        """Finds the highest rung at or below `time` at which a trial has no record.

        A rung that a report skipped is thus judged at the trial's next report, unless that one
        reaches a higher rung.

        Args:
            time: How far the trial has come.
            trial_id: The trial.
            records: The ids of the trials recorded at each rung, lowest rung first.

        Returns:
            The index of the rung; None if there is none.
        """
        for rung in reversed(range(len(self.levels))):
            is_reached = self.levels[rung] <= time * (1 + _ROUNDING)
            if is_reached and trial_id not in records[rung]:
                return rung
        return None

    def get_state(self, records: Sequence[Mapping[str, Record]]) -> list[list[Any]]:
        """Returns [level, records by trial id] for each rung, as JSON values."""
        pairs = zip(self.levels, records, strict=True)
        return [[level, dict(record)] for level, record in pairs]

    def records_of(self, state: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """Returns the records of a state returned by `get_state`.

        Raises:
            ValueError: The state has other levels.
        """
        levels = [level for level, _ in state]
        if levels != self.levels:
            raise ValueError(
                f"the saved state has rungs at {levels}, this scheduler at {self.levels}: restore "
                "with the scheduler unchanged"
            )
        return [dict(record) for _, record in state]
