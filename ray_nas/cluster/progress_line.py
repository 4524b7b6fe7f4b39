"""`ProgressLine`: the progress of an experiment in one line, in place of Tune's tables.

It is rewritten in a terminal and in a notebook; a log file gets a new line every half a minute.
"""

import importlib
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ray.tune import Callback
from ray.tune.experiment import Trial

from ray_nas.checks import check_float
from ray_nas.tune_internals.running_goal import running_objectives, running_time_budget

_MANY: Final = 10**9
"""Tune's number of trials without a limit is larger than that."""
_TERMINAL_SECONDS: Final = 0.5
"""How often the line is rewritten at most."""
_ERASE_LINE: Final = "\r\x1b[2K"


class ProgressLine(Callback):
    """One line about a running experiment: trials, the best so far, the budget paid, time left.

    Use it with `tune.RunConfig(callbacks=[ProgressLine()], verbose=0)`: `verbose=0` turns Tune's
    own output off, except a banner, which the environment variable `RAY_AIR_NEW_OUTPUT=0` does.

    Args:
        time_attr: The metric that counts a trial's budget, e.g. "epoch"; None counts the
            time of all trials.
        budget: Budget at which the experiment ends, in units of `time_attr`, if a stopper ends it
            so; None if it ends otherwise.
        log_seconds: Seconds between two lines in a log file.

    Raises:
        ValueError: An argument breaks a rule.

    Example:
        >>> from types import SimpleNamespace
        >>> line = ProgressLine("epoch")
        >>> line.setup(total_num_samples=4)
        >>> line.objectives = {"loss": "min"}
        >>> trials = [SimpleNamespace(status="TERMINATED", last_result={"epoch": 9, "loss": 0.5})]
        >>> line.text(trials, seconds=60)
        '1 of 4 trials | best loss 0.5 | 9 epochs paid | 3:00 left'
    """

    def __init__(
        self,
        time_attr: str | None = None,
        budget: float | None = None,
        *,
        log_seconds: float = 30.0,
    ) -> None:
        if budget is not None:
            check_float("budget", budget, above=0)
            if time_attr is None:
                raise ValueError("time_attr must be given with budget: it says in which unit")
        check_float("log_seconds", log_seconds, low=0)
        self.objectives: dict[str, str] = {}
        """Metric name to "min" or "max"; found when the experiment starts."""
        self._time_attr = time_attr
        self._budget = budget
        self._log_seconds = log_seconds
        self._total: int | None = None
        self._seconds_limit: float | None = None
        self._started = time.monotonic()
        self._share_at_start: float | None = None
        self._shown = -math.inf
        self._last_text = ""

    # Tune's calls.

    def setup(
        self,
        stop: Any = None,
        num_samples: int | None = None,
        total_num_samples: int | None = None,
        **info: Any,
    ) -> None:
        """Reads the number of trials, the objectives and the time limit."""
        is_limited = total_num_samples is not None and 0 < total_num_samples < _MANY
        self._total = total_num_samples if is_limited else None
        self.objectives = running_objectives()
        self._seconds_limit = running_time_budget()
        self._started = time.monotonic()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Shows the line, if it is due."""
        wait = _TERMINAL_SECONDS if _is_live() else self._log_seconds
        now = time.monotonic()
        if now - self._shown >= wait:
            self._shown = now
            self._show(self.text(trials, now - self._started))

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Shows the line for the last time."""
        self._show(self.text(trials, time.monotonic() - self._started, is_over=True), is_last=True)

    # The line.

    def text(self, trials: Sequence[Any], seconds: float, *, is_over: bool = False) -> str:
        """The line about these trials.

        Args:
            trials: Tune's trials.
            seconds: Seconds since the start, or since the restore.
            is_over: Whether the experiment has ended: the line says how long it took.
        """
        paid = self._paid(trials)
        parts = [self._counts(trials), self._best(trials), self._paid_text(paid)]
        if is_over:
            parts.append(f"took {_duration(seconds)}")
        else:
            left = self._seconds_left(trials, paid, seconds)
            so_far = f"{_duration(seconds)} so far"
            parts.append(so_far if left is None else f"{_duration(left)} left")
        return " | ".join(part for part in parts if part)

    def _counts(self, trials: Sequence[Any]) -> str:
        ended = sum(trial.status in (Trial.TERMINATED, Trial.ERROR) for trial in trials)
        running = sum(trial.status == Trial.RUNNING for trial in trials)
        failed = sum(trial.status == Trial.ERROR for trial in trials)
        of = f" of {self._total}" if self._total else ""
        text = f"{ended}{of} trials"
        text += f", {running} running" if running else ""
        return text + (f", {failed} failed" if failed else "")

    def _best(self, trials: Sequence[Any]) -> str:
        if not self.objectives:
            return ""
        metric, mode = next(iter(self.objectives.items()))
        values = [_number(trial, metric) for trial in trials if trial.status != Trial.ERROR]
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return ""
        return f"best {metric} {(max if mode == 'max' else min)(finite):.5g}"

    def _paid(self, trials: Sequence[Any]) -> float:
        metric = self._time_attr or "time_total_s"
        values = (_number(trial, metric) for trial in trials)
        return sum(value for value in values if math.isfinite(value))

    def _paid_text(self, paid: float) -> str:
        if self._time_attr is None:
            return f"{_duration(paid)} of training paid"
        of = f" of {self._budget:g}" if self._budget else ""
        plural = "" if paid == 1 and not of else "s"
        return f"{paid:g}{of} {self._time_attr}{plural} paid"

    def _seconds_left(self, trials: Sequence[Any], paid: float, seconds: float) -> float | None:
        """An estimate from what is done so far; None if nothing says when the end is."""
        estimates = []
        if self._seconds_limit is not None:
            estimates.append(max(0.0, self._seconds_limit - seconds))
        ended = sum(trial.status in (Trial.TERMINATED, Trial.ERROR) for trial in trials)
        shares = [ended / self._total] if self._total else []
        if self._budget:
            shares.append(paid / self._budget)
        if shares:
            share = min(1.0, max(shares))
            if self._share_at_start is None:  # above 0 after a restore
                self._share_at_start = share if share and seconds < 1 else 0.0
            done = share - self._share_at_start
            if done > 0:
                estimates.append(seconds / done * (1 - share))
        return min(estimates, default=None)

    # Where it is shown.

    def _show(self, text: str, *, is_last: bool = False) -> None:
        if _is_notebook():
            self._show_in_notebook(text)
        elif sys.stdout.isatty():
            width = shutil.get_terminal_size().columns
            end = "\n" if is_last else ""
            print(f"{_ERASE_LINE}{text[: width - 1]}", end=end, flush=True)
        elif text != self._last_text:
            print(text, flush=True)
        self._last_text = text

    def _show_in_notebook(self, text: str) -> None:
        handle = self.__dict__.get("_handle")
        content = {"text/plain": text}
        if handle is None:
            display = importlib.import_module("IPython.display")
            self._handle = display.display(content, raw=True, display_id=True)
        else:
            handle.update(content, raw=True)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the notebook's output: the callback is pickled into Tune's `tuner.pkl`."""
        return {name: value for name, value in self.__dict__.items() if name != "_handle"}


def _is_live() -> bool:
    """Whether the line can be rewritten."""
    return _is_notebook() or sys.stdout.isatty()


def _is_notebook() -> bool:
    """Whether the process is a notebook's kernel."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def _number(trial: Any, metric: str) -> float:
    """The last value of a metric, nested ones by their path; NaN without one."""
    value: Any = trial.last_result or {}
    for key in metric.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    Example:
        >>> _duration(59.6), _duration(3725)
        ('1:00', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
