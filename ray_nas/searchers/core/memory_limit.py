"""Learns from out-of-memory failures which architectures are too large."""

import math
from collections.abc import Mapping
from typing import Final

from ray_nas.record.events import TrialEnded

_SIZE_COSTS: Final = ("peak_memory_bytes", "params")
"""The costs that measure memory; the first one present counts (`ray_nas.estimators.cost` has
both)."""


class MemoryLimit:
    """The smallest size that ran out of memory, among those larger than every size that did not.

    A failure of a trial that is smaller than a completed one says nothing about size: a neighbour
    on its GPU used more than its share.

    Example:
        >>> memory = MemoryLimit()
        >>> memory.apply(TrialEnded("a", "completed", size=10.0))
        >>> memory.apply(TrialEnded("b", "infeasible", out_of_memory=True, size=20.0))
        >>> memory.limit
        20.0
    """

    def __init__(self) -> None:
        self._largest_completed = 0.0
        self._failed: list[float] = []

    @property
    def limit(self) -> float:
        """Architectures of this size and above are not worth a trial; infinite if unknown."""
        above = (size for size in self._failed if size > self._largest_completed)
        return min(above, default=math.inf)

    def apply(self, ended: TrialEnded) -> None:
        """Learns from the end of a trial."""
        if ended.size is None:
            return
        if ended.out_of_memory:
            self._failed.append(ended.size)
        else:
            self._largest_completed = max(self._largest_completed, ended.size)

    def excludes(self, costs: Mapping[str, float]) -> bool:
        """Whether a candidate with these costs is too large."""
        size = size_of(costs)
        return size is not None and size[1] >= self.limit


def size_of(costs: Mapping[str, float]) -> tuple[str, float] | None:
    """Name and value of the cost that measures memory; None if there is none.

    Example:
        >>> size_of({"params": 10.0, "flops": 5.0})
        ('params', 10.0)
    """
    return next(((name, float(costs[name])) for name in _SIZE_COSTS if name in costs), None)
