"""A time limit for a trial that hangs.

Tune waits for a trial's report without limit.
"""

import faulthandler
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STDERR: Final = 2
_lock = threading.RLock()
_deadlines: dict[object, float] = {}
"""Deadlines of the active limits in this process, nested or in several threads."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends the worker process if its body takes longer; Tune counts that as a failed trial.

    For the body of a function trainable, or of `step`. Tune's own limits (`stop={"time_total_s":
    ...}`, stoppers, schedulers) check reports, which a hanging trial does not send; `time_budget_s`
    ends the whole experiment. The process is ended, not only the thread, so that a hang inside a C
    library ends too, whether or not it lets other threads run. With `max_failures`, Tune retries
    the trial.

    The worker's log then ends with "Timeout" and the line of code that each thread was at. Limits
    may be nested, and in several threads. They hold in their own process, not in those that it
    forks. They need `faulthandler.dump_traceback_later` to themselves.

    Args:
        seconds: The longest that the body may take.

    Raises:
        ValueError: `seconds` is not positive, or more than the clock can wait
            (`threading.TIMEOUT_MAX`).

    Example:
        >>> with time_limit(600):
        ...     accuracy = 0.9  # train one epoch
    """
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise ValueError(
            f"seconds must be positive and at most {threading.TIMEOUT_MAX:g}, got {seconds}"
        )
    limit = object()
    try:
        with _lock:
            _deadlines[limit] = time.monotonic() + seconds
            _arm()
        yield
    finally:
        with _lock:
            _deadlines.pop(limit, None)  # a forked process has none
            _arm()


def _arm() -> None:
    """Sets the process's only timer to the earliest deadline.

    The timer is a thread in C, which waits for no other thread.
    """
    if _deadlines:
        left = min(_deadlines.values()) - time.monotonic()
        faulthandler.dump_traceback_later(max(left, 0.001), exit=True, file=_STDERR)
    else:
        faulthandler.cancel_dump_traceback_later()


def _before_fork() -> None:
    _lock.acquire()
    if _deadlines:
        # In the new process it would wait for a thread that does not exist there
        faulthandler.cancel_dump_traceback_later()


def _after_fork_in_parent() -> None:
    if _deadlines:
        _arm()
    _lock.release()


def _after_fork_in_child() -> None:
    _deadlines.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
