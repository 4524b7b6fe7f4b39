"""A time limit for a trial that hangs: Tune waits for the report of a trial for as long as it
takes.
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
"""Of each limit that is being kept in this process, nested or in several threads."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends the worker process if what is inside takes longer; Tune counts that as a failure of the
    trial.

    For the body of a function trainable, or of `step`. Tune's own limits (`stop={"time_total_s":
    ...}`, stoppers, schedulers) look at reports, which a hanging trial does not send;
    `time_budget_s` ends the whole experiment. The process is ended, and not only the thread, so
    that a hang inside of a C library ends too, whether or not it lets other threads run. With
    `max_failures` the trial is tried again.

    The worker's log then ends with "Timeout" and the line of code at which each thread was. Limits
    may be nested, and in several threads. They hold in their own process, not in those that it
    forks, and take `faulthandler.dump_traceback_later` for themselves.

    Args:
        seconds: How long it may take.

    Raises:
        ValueError: `seconds` is not positive, or more than the clock can wait
            (`threading.TIMEOUT_MAX`).
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
            _deadlines.pop(limit, None)  # in a forked process it is gone
            _arm()


def _arm() -> None:
    """Sets the one timer that a process has to the earliest deadline. It is a thread in C, which
    waits for no other.
    """
    if _deadlines:
        faulthandler.dump_traceback_later(
            max(min(_deadlines.values()) - time.monotonic(), 0.001), exit=True, file=_STDERR
        )
    else:
        faulthandler.cancel_dump_traceback_later()


def _before_fork() -> None:
    _lock.acquire()
    if _deadlines:
        faulthandler.cancel_dump_traceback_later()  # which in the new process would wait for a thread that is not there


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
