"""Out of memory is an answer: which errors say so, and the size that a searcher learns from
them.
"""

import errno
import math
from typing import Any, Final

import ray
import torch

from ray_nas.searchers.core.objectives import Costs, InfeasibleError

_SIZES: Final = ("peak_memory_bytes", "params")
"""The figures of `costs` that tell sizes, the first that is there (`ray_nas.estimators.cost` has
both).
"""
_ERRORS: Final = (MemoryError, torch.cuda.OutOfMemoryError, ray.exceptions.OutOfMemoryError)
_TEXTS: Final = (
    "DefaultCPUAllocator",
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "out of memory",
    "_STATUS_ALLOC_FAILED",
)
"""In the message of the plain RuntimeError that torch raises for the host's memory, and CUDA's
libraries for a GPU's.
"""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether a trial died of memory: a GPU's, the host's, or by Ray's memory monitor."""
    while error is not None:
        if isinstance(error, _ERRORS) or (
            isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)
        ):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        error = (
            getattr(error, "cause", None) or error.__cause__
        )  # Ray wraps what the trainable raised
    return False


class MemoryLimit:
    """The size from which on trials die: the smallest that died, among those larger than all that
    lived.

    A trial that dies although a larger one lived says nothing about sizes (a neighbour on its GPU
    took more than its share).

    Args:
        costs: The searcher's; None, or one without a size, sets no limit.
    """

    def __init__(self, costs: Costs | None) -> None:
        self._costs = costs
        self._lived = 0.0
        self._died: list[float] = []

    @property
    def limit(self) -> float:
        """Nothing as large as this is worth a trial; infinite if nothing is known."""
        return min((size for size in self._died if size > self._lived), default=math.inf)

    def size(self, trial_config: dict[str, Any]) -> tuple[str, float] | None:
        """Name and value of the figure that tells how large an architecture is, None if there is
        none.
        """
        figures = self._costs(trial_config) if self._costs is not None else {}
        return next(((name, float(figures[name])) for name in _SIZES if name in figures), None)

    def note(self, size: float, died: bool) -> None:
        """Takes how a trial of a size ended."""
        if died:
            self._died.append(size)
        else:
            self._lived = max(self._lived, size)

    def check(self, trial_config: dict[str, Any]) -> None:
        """Raises `InfeasibleError` for a candidate that is too large."""
        if self._died and self.limit < math.inf:
            size = self.size(trial_config)
            if size is not None and size[1] >= self.limit:
                raise InfeasibleError(
                    f"{size[0]} = {size[1]:g}: a trial of {self.limit:g} ran out of memory"
                )
