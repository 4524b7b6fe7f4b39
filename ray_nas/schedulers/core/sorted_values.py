"""Values of many trials, kept in order: quantiles and the best one without sorting them anew at
every report.
"""

import math
from bisect import bisect_left, insort


class Ranking:
    """A finite value for each trial. A change costs one insertion, a question one look, however
    many trials there are.
    """

    def __init__(self, values: dict[str, float] | None = None) -> None:
        self.values: dict[str, float] = dict(values or {})
        """Trial id to value. To be changed by `set` and `discard` alone."""
        self._ordered = sorted((value, trial_id) for trial_id, value in self.values.items())

    def set(self, trial_id: str, value: float) -> None:
        """Gives a trial a value, its first or another one."""
        self.discard(trial_id)
        self.values[trial_id] = value
        insort(self._ordered, (value, trial_id))

    def discard(self, trial_id: str) -> None:
        """Forgets a trial; one that is not there is passed over."""
        if trial_id in self.values:
            del self._ordered[self._place(trial_id)]
            del self.values[trial_id]

    def best(self, without: str) -> tuple[float, str] | None:
        """The largest value and its trial among all others, None if there is no other."""
        for value, trial_id in reversed(self._ordered):
            if trial_id != without:
                return value, trial_id
        return None

    def quantile(self, q: float, without: str | None = None) -> float | None:
        """The q-quantile of all values but one trial's, as `numpy.quantile` has it; None if
        there are none.
        """
        left_out = (
            self._place(without)
            if without in self.values and without is not None
            else len(self._ordered)
        )
        number = len(self._ordered) - (left_out < len(self._ordered))
        if number == 0:
            return None
        position = q * (number - 1)
        lower = math.floor(position)
        low, high = (
            self._ordered[index + (index >= left_out)][0]
            for index in (lower, min(lower + 1, number - 1))
        )
        part, gap = position - lower, high - low
        return high - gap * (1 - part) if part >= 0.5 else low + gap * part  # to the last bit

    def _place(self, trial_id: str) -> int:
        return bisect_left(self._ordered, (self.values[trial_id], trial_id))
