"""`ResumableScheduler`: a Tune scheduler that reads reports, remembers its decisions, and
survives a crash.
"""

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ray_nas.checks import check_mode, number
from ray_nas.tune_internals import requeued_trials as revived
from ray_nas.tune_internals import search_algorithm as experiment_state

State = dict[str, Any]


class ResumableScheduler(FIFOScheduler):
    """What every scheduler here shares. A subclass implements `_judge` and its state.

    A trial's budget is what it reports as `time_attr`: a trial that is retried and starts over is
    not judged again until it is past what it had reached. A report without `time_attr` is passed
    over once the trial has sent one.

    Args:
        time_attr: The reported figure that counts the budget, e.g. "epoch". It has to grow.
        max_t: The full length: a trial is stopped once it is reached.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(self, time_attr: str, max_t: float) -> None:
        if not isinstance(time_attr, str) or not time_attr:
            raise ValueError(f"time_attr must be the name of a reported figure, got {time_attr!r}")
        if not max_t > 0 or not math.isfinite(max_t):
            raise ValueError(f"max_t must be a positive number, got {max_t!r}")
        super().__init__()  # type: ignore[no-untyped-call]
        self._time_attr, self._max_t = time_attr, float(max_t)
        self._search_alg: Any = None
        self._searcher: Any = None
        self._reached: dict[str, float] = {}
        """The furthest time of each trial."""
        self._stopped: dict[str, tuple[float, str]] = {}
        """When and why a trial was stopped."""
        self._added: set[str] = set()
        self._live: dict[str, Any] = {}
        """The trials that have not ended, in the order in which they came."""
        self._revived: list[Any] = []
        """Trials that were stopped here and that Tune has queued again."""
        self._forget_unknown = False
        self._reports = 0

    # What a subclass implements.

    def _judge(
        self, trial: Any, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        """The reason to stop the trial now, or None. Not `is_new`: no further than the trial has
        been before.
        """
        raise NotImplementedError

    def _note_last(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        """The report a trial ended with: one seen before, or one that says `done` and was not."""

    def _end(self, trial_id: str, finished: bool) -> None:
        """A trial is over; `finished` if it was not for an error."""

    def _check_metric(self) -> None:
        """Raises a ValueError if the metric is not known when the first trial arrives."""

    def _own_state(self) -> State:
        return {}

    def _set_own_state(self, state: State) -> None:
        """Takes what `_own_state` gave."""

    def _forget(self, trial_ids: set[str]) -> None:
        """Drops what is known of trials that are no longer in the experiment."""

    # State.

    def get_state(self) -> State:
        """All that the scheduler knows, as JSON values."""
        return {
            "scheduler": type(self).__name__,
            "time_attr": self._time_attr,
            "reports": self._reports,
            "reached": dict(self._reached),
            "stopped": {trial_id: list(stop) for trial_id, stop in self._stopped.items()},
            **self._own_state(),
        }

    def set_state(self, state: State) -> None:
        """Takes what `get_state` gave. Trials that Tune does not add again before the next report
        are forgotten.

        Raises:
            ValueError: It is the state of another scheduler.
        """
        for name, mine in (("scheduler", type(self).__name__), ("time_attr", self._time_attr)):
            if state[name] != mine:
                raise ValueError(
                    f"the saved state has {name} {state[name]!r}, this scheduler {mine!r}: restore with the scheduler unchanged"
                )
        self._reset()
        self._reports = state["reports"]
        self._reached = dict(state["reached"])
        self._stopped = {
            trial_id: (time, reason) for trial_id, (time, reason) in state["stopped"].items()
        }
        self._set_own_state(state)
        self._forget_unknown = True

    def _reset(self) -> None:
        self._reports = 0
        self._reached, self._stopped = {}, {}

    @property
    def stopped(self) -> dict[str, tuple[float, str]]:
        """Trial id to the time at which it was stopped and the reason."""
        return dict(self._stopped)

    def __getstate__(self) -> State:
        """A scheduler is pickled into Tune's `tuner.pkl`; it attaches itself to the searcher
        again.
        """
        return {
            **self.__dict__,
            "_search_alg": None,
            "_searcher": None,
            "_live": {},
            "_revived": [],
        }

    # Tune's calls.

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Notes a trial. The first one attaches the scheduler to the experiment's snapshots.

        Raises:
            ValueError: There is no metric.
        """
        self._check_metric()
        search_alg = getattr(tune_controller, "search_alg", None)
        if search_alg is not None and search_alg is not self._search_alg:
            if self._search_alg is not None:  # the same object in a second experiment
                self._reset()
                self._own_reset()
                self._check_metric()
                self._added.clear()
                self._live.clear()
            self._search_alg, self._searcher = (
                search_alg,
                experiment_state.innermost_searcher(search_alg),
            )
            experiment_state.attach(
                search_alg, trial, type(self).__name__, self.get_state, self.set_state
            )
        self._added.add(trial.trial_id)
        self._live[trial.trial_id] = trial
        if trial.trial_id in self._stopped:
            self._revived.append(trial)

    def _own_reset(self) -> None:
        """Forgets everything, for another experiment."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Continues or stops the trial.

        Raises:
            ValueError: The trial has never sent `time_attr`, or it is no number.
        """
        self._drop_unknown()
        if trial.trial_id in self._stopped:
            return str(TrialScheduler.STOP)
        time = self._time(trial.trial_id, result)
        if time is None:
            return str(TrialScheduler.CONTINUE)
        self._reports += 1
        reached = self._reached.get(trial.trial_id, -math.inf)
        self._reached[trial.trial_id] = max(time, reached)
        reason = self._judge(trial, time, result, time > reached)
        if reason is None and time < self._max_t:
            return str(TrialScheduler.CONTINUE)
        self._stopped[trial.trial_id] = (
            time,
            reason or f"full length: {self._time_attr} = {time:g}",
        )
        revived.note_stop(self._searcher, trial.trial_id, self._reason(trial.trial_id))
        self._end(trial.trial_id, True)
        return str(TrialScheduler.STOP)

    def on_trial_complete(
        self, tune_controller: Any, trial: Any, result: Mapping[str, Any]
    ) -> None:
        """A trial has finished or was stopped.

        As in Ray's ASHA its last report counts for one more rung that was jumped over.
        """
        self._live.pop(trial.trial_id, None)
        time = self._time(trial.trial_id, result) if result and self._time_attr in result else None
        if time is not None and time >= self._reached.get(trial.trial_id, -math.inf):
            self._reached[trial.trial_id] = time
            self._note_last(trial.trial_id, time, result)
        self._end(trial.trial_id, True)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """A trial was stopped while it waited."""
        self._live.pop(trial.trial_id, None)
        self._end(trial.trial_id, True)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A trial failed; Tune adds it again if it is to be retried."""
        self._live.pop(trial.trial_id, None)
        self._end(trial.trial_id, False)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The first that waits. Trials that Tune has queued again although they were stopped are
        ended first.

        As `FIFOScheduler`, which looks through all trials that ever were.
        """
        self._drop_unknown()
        while self._revived:
            trial = self._revived.pop()
            if trial.status in revived.WAITING:
                revived.end(tune_controller, trial, self._reason(trial.trial_id))
        waiting = (
            trial
            for status in revived.WAITING
            for trial in self._live.values()
            if trial.status == status
        )
        return next(waiting, None)

    def debug_string(self) -> str:
        """One line for Tune's status table."""
        return f"Using {type(self).__name__}: {len(self._stopped)} of {len(self._reached)} trials stopped"

    def _reason(self, trial_id: str) -> str:
        """Why a trial was stopped; that it had its full length is no reason."""
        time, reason = self._stopped[trial_id]
        return reason if time < self._max_t else ""

    def _drop_unknown(self) -> None:
        if self._forget_unknown and self._added:
            unknown = (set(self._reached) | set(self._stopped)) - self._added
            for trial_id in unknown:
                self._reached.pop(trial_id, None)
                self._stopped.pop(trial_id, None)
            self._forget(unknown)
        self._forget_unknown = False

    def _time(self, trial_id: str, result: Mapping[str, Any]) -> float | None:
        time = result.get(self._time_attr)
        if time is None:
            if trial_id in self._reached:
                return None
            raise ValueError(
                f"time_attr = {self._time_attr!r} is not in the first report of trial {trial_id}, which has {sorted(result)}: "
                'report it, or count with one of these, e.g. time_attr="training_iteration"'
            )
        if (
            isinstance(time, bool | str)
            or not hasattr(time, "__float__")
            or not math.isfinite(float(time))
        ):
            raise ValueError(
                f"time_attr = {self._time_attr!r} must be reported as a finite number, got {time!r} from trial {trial_id}"
            )
        return float(time)


class OneMetric:
    """Mix-in of schedulers that know one metric: reads it so that larger is better."""

    _metric: Any
    _mode: str | None

    def _init_metric(self, metric: str | None, mode: str | None) -> None:
        if mode is not None:
            check_mode("mode", mode)
        self._metric, self._mode = metric, mode

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Takes metric and mode from Tune; False (which Tune reports as an error) if both gave
        one.
        """
        if (self._metric and metric) or (self._mode and mode):
            return False
        self._metric, self._mode = self._metric or metric, self._mode or mode
        if self._metric is None and self._mode:
            self._metric = DEFAULT_METRIC
        return True

    def _check_metric(self) -> None:
        if self._metric is None or self._mode is None:
            missing = "metric" if self._metric is None else "mode"
            raise ValueError(
                f'{type(self).__name__} has no {missing}: give it one, e.g. metric="accuracy", mode="max", or give both to Tune'
            )

    def _value(self, result: Mapping[str, Any]) -> float | None:
        """The metric, larger is better; None if it was not reported, NaN if it is no finite
        number.
        """
        if result.get(self._metric) is None:
            return None
        value = number(result[self._metric])
        if value is None:
            return math.nan
        return (value if self._mode == "max" else -value) if math.isfinite(value) else math.nan

    def _reported(self, value: float) -> float:
        """A value as trials report it, given so that larger is better."""
        return value if self._mode == "max" else -value
