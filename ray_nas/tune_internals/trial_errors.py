"""What ended a failed trial, and whether it ran out of memory.

Tune passes a searcher `error=True` and no more. Callbacks get the trial and its error file, but
after the searcher, and a searcher cannot rely on one. The exception is an argument of the
controller's private method that calls scheduler and searcher, so it is read from the stack. If that
method is not found, all errors count as the same kind. Code that drives a searcher without Tune
uses `failing`.

`tests/tune_internals/test_trial_errors.py` fails when Ray changes this.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import ray
import torch
from ray.tune.execution.tune_controller import TuneController

from ray_nas.tune_internals.call_stack import locals_of

_ERRORS: Final = (MemoryError, torch.cuda.OutOfMemoryError, ray.exceptions.OutOfMemoryError)
_TEXTS: Final = (
    "DefaultCPUAllocator",
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "out of memory",
    "_STATUS_ALLOC_FAILED",
)
"""Parts of the messages of the plain RuntimeErrors that torch raises for the host's memory, and
CUDA's libraries for a GPU's."""


def trial_error() -> BaseException | None:
    """The exception of the trial whose failure Tune is reporting now; None at other times."""
    if _failing.get() is not None:
        return _failing.get()
    failure = getattr(TuneController, "_process_trial_failure", None)
    error = locals_of(failure.__code__).get("exception") if failure is not None else None
    return error if isinstance(error, BaseException) else None


@contextmanager
def failing(error: BaseException) -> Iterator[None]:
    """Inside the block, `trial_error` returns this exception.

    Example:
        >>> with failing(MemoryError("too large")):
        ...     trial_error()
        MemoryError('too large')
    """
    token = _failing.set(error)
    try:
        yield
    finally:
        _failing.reset(token)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether a trial ran out of a GPU's or the host's memory, or Ray's memory monitor ended it.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory")), is_out_of_memory(KeyError("x"))
        (True, False)
    """
    while error is not None:
        is_runtime_error = isinstance(error, RuntimeError)
        if isinstance(error, _ERRORS):
            return True
        if is_runtime_error and any(text in str(error) for text in _TEXTS):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        error = getattr(error, "cause", None) or error.__cause__  # Ray wraps the user's exception
    return False


_failing: ContextVar[BaseException | None] = ContextVar("failing", default=None)
