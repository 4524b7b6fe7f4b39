"""One value per trial, kept sorted: quantiles and the maximum without sorting at every report."""

import math
from bisect import bisect_left, insort


class SortedValues:
    """A finite value for each trial.

    A change costs one insertion and a query one lookup, however many trials there are.

    Args:
        values: Initial values by trial id.

    Example:
        >>> values = SortedValues({"a": 0.1, "b": 0.5})
        >>> values.set("c", 0.3)
        >>> values.best(without="b"), values.quantile(0.5)
        ((0.3, 'c'), 0.3)
    """

    def __init__(self, values: dict[str, float] | None = None) -> None:
        self.values: dict[str, float] = dict(values or {})
        """Trial id to value. Change it with `set` and `discard` only."""
        self._ordered = sorted((value, trial_id) for trial_id, value in self.values.items())

    def __contains__(self, trial_id: object) -> bool:
        """Whether a trial has a value."""
        return trial_id in self.values

    def set(self, trial_id: str, value: float) -> None:
        """Sets or replaces a trial's value."""
        self.discard(trial_id)
        self.values[trial_id] = value
        insort(self._ordered, (value, trial_id))

    def discard(self, trial_id: str) -> None:
        """Removes a trial; an unknown one is ignored."""
        if trial_id in self.values:
            del self._ordered[self._index(trial_id)]
            del self.values[trial_id]

    def best(self, without: str) -> tuple[float, str] | None:
        """The largest value and its trial among all other trials; None if there is no other.

        Args:
            without: The trial to leave out.
        """
        for value, trial_id in reversed(self._ordered):
            if trial_id != without:
                return value, trial_id
        return None

    def quantile(self, q: float, without: str | None = None) -> float | None:
        """The q-quantile of the values, equal to `numpy.quantile`; None if there are none.

        Args:
            q: In [0, 1].
            without: A trial to leave out.
        """
        left_out = len(self._ordered)
        if without is not None and without in self.values:
            left_out = self._index(without)
        count = len(self._ordered) - (left_out < len(self._ordered))
        if count == 0:
            return None
        position = q * (count - 1)
        lower = math.floor(position)
        low, high = (
            self._ordered[index + (index >= left_out)][0]
            for index in (lower, min(lower + 1, count - 1))
        )
        # Interpolated from the nearer end, as numpy does, to be equal to the last bit
        fraction = position - lower
        gap = high - low
        return high - gap * (1 - fraction) if fraction >= 0.5 else low + gap * fraction

    def _index(self, trial_id: str) -> int:
        return bisect_left(self._ordered, (self.values[trial_id], trial_id))
