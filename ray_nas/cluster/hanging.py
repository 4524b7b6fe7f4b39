"""A time limit for a trial that hangs: Tune waits for the report of a trial for as long as it takes."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends the worker process if what is inside takes longer; Tune counts that as a failure of the trial.

    For the body of a function trainable, or of `step`. Tune's own limits (`stop={"time_total_s": ...}`, stoppers, schedulers)
    look at reports, which a hanging trial does not send; `time_budget_s` ends the whole experiment. The process is ended,
    and not only the thread, so that a hang inside of a C library ends too. With `max_failures` the trial is tried again.

    Args:
        seconds: How long it may take.

    Raises:
        ValueError: `seconds` is not positive.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    timer = threading.Timer(seconds, _end_process, [seconds])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_process(seconds: float) -> None:
    print(f"time_limit: this trial took longer than {seconds:g} seconds, its worker process ends", file=sys.stderr, flush=True)
    os._exit(1)
