"""`StoppingScheduler`: the base of schedulers that stop trials by their reports.

It remembers its decisions, and survives a restart of the driver.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ray_nas.checks import check_float, number
from ray_nas.record.given_arguments import RecordsArguments
from ray_nas.schedulers.core.experiment_binding import ExperimentBinding
from ray_nas.state.attached_state import State
from ray_nas.tune_internals.requeued_trials import WAITING


class StoppingScheduler(RecordsArguments, FIFOScheduler):
    """A Tune scheduler that stops trials by their reports.

    A subclass implements `_stop_reason`, and saves what it remembers in `_get_extra_state` and
    `_set_extra_state`. Its constructor sets its arguments first and calls `super().__init__` last,
    since that calls `_start_experiment`.

    A trial's budget is what it reports as `time_attr`. A trial that is retried and starts over is
    not judged again until it is past what it had reached. A report without `time_attr` is an error
    if it is the trial's first, else it is ignored.

    Args:
        time_attr: The metric that counts the budget, e.g. "epoch". It must increase.
        max_t: The full length: a trial is stopped when it reaches it.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from types import SimpleNamespace
        >>> class StopPoorTrials(StoppingScheduler):
        ...     def _stop_reason(self, trial_id, time, result, is_new):
        ...         return "score is below 0.5" if result["score"] < 0.5 else None
        >>> scheduler = StopPoorTrials("epoch", max_t=10)
        >>> trial = SimpleNamespace(trial_id="a", status="RUNNING")
        >>> scheduler.on_trial_add(None, trial)
        >>> scheduler.on_trial_result(None, trial, {"epoch": 1, "score": 0.7})
        'CONTINUE'
        >>> scheduler.on_trial_result(None, trial, {"epoch": 2, "score": 0.4})
        'STOP'
        >>> scheduler.stopped
        {'a': (2.0, 'score is below 0.5')}
    """

    def __init__(self, time_attr: str, max_t: float) -> None:
        if not isinstance(time_attr, str) or not time_attr:
            raise ValueError(f"time_attr must be the name of a metric, got {time_attr!r}")
        check_float("max_t", max_t, above=0)
        super().__init__()  # type: ignore[no-untyped-call]
        self._time_attr = time_attr
        self._max_t = float(max_t)
        self._binding = ExperimentBinding(self.get_state, self.set_state)
        self._start_experiment()

    # What a subclass implements.

    def _start_experiment(self) -> None:
        """Forgets everything: called by the constructor, and when a second experiment begins."""
        self._reports = 0
        self._reached: dict[str, float] = {}
        """The furthest time of each trial."""
        self._stopped: dict[str, tuple[float, str]] = {}
        """When and why a trial was stopped."""
        self._added: set[str] = set()
        self._failed: set[str] = set()
        """Trials that failed and have not been added again."""
        self._live: dict[str, Trial] = {}
        """The trials that have not ended, in the order in which they were added."""
        self._is_restored = False
        """Whether a state was restored, and trials missing since then were not removed yet."""

    def _prepare(self) -> None:
        """Called before a trial is added; raises a ValueError if an argument is missing."""

    def _trial_added(self, trial: Trial) -> None:
        """A trial was added, or added again for a retry."""

    def _stop_reason(
        self, trial_id: str, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        """Why to stop the trial now; None to continue.

        Args:
            trial_id: The trial.
            time: Its budget so far.
            result: Its report.
            is_new: Whether it has come further than ever before.
        """
        raise NotImplementedError

    def _add_last_report(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        """A trial ended with this report: the last one again, or one that came with its end."""

    def _trial_ended(self, trial_id: str, failed: bool) -> None:
        """A trial finished, was stopped or failed.

        A stopped trial ends twice: when it is stopped here, and when Tune has ended it.
        """

    def _remove_trials(self, trial_ids: Collection[str]) -> None:
        """Removes all data of trials that are no longer in the experiment."""

    def _get_extra_state(self) -> State:
        """What the subclass remembers, as JSON values."""
        return {}

    def _set_extra_state(self, state: State) -> None:
        """Restores what `_get_extra_state` returned; other entries belong to the base class."""

    # State.

    def get_state(self) -> State:
        """Everything the scheduler remembers, as JSON values."""
        return {
            "scheduler": type(self).__name__,
            "time_attr": self._time_attr,
            "reports": self._reports,
            "reached": dict(self._reached),
            "stopped": {trial_id: list(stop) for trial_id, stop in self._stopped.items()},
            **self._get_extra_state(),
        }

    def set_state(self, state: State) -> None:
        """Restores a state returned by `get_state`.

        Trials that Tune does not add again before the next report are removed.

        Raises:
            ValueError: The state belongs to another scheduler.
        """
        for name, own in (("scheduler", type(self).__name__), ("time_attr", self._time_attr)):
            if state[name] != own:
                raise ValueError(
                    f"the saved state has {name} {state[name]!r}, this scheduler {own!r}: restore "
                    "with the scheduler unchanged"
                )
        self._reports = state["reports"]
        self._reached = dict(state["reached"])
        self._stopped = {
            trial_id: (time, reason) for trial_id, (time, reason) in state["stopped"].items()
        }
        self._set_extra_state(state)
        self._is_restored = True

    @property
    def stopped(self) -> dict[str, tuple[float, str]]:
        """Trial id to the time at which the trial was stopped and the reason."""
        return dict(self._stopped)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out Tune's live trials: a scheduler is pickled into Tune's `tuner.pkl`."""
        return {**self.__dict__, "_live": {}}

    # Tune's calls.

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Adds a trial. The first one attaches the scheduler to the experiment's snapshots.

        Raises:
            ValueError: An argument is missing, such as the metric.
        """
        search_alg = getattr(tune_controller, "search_alg", None)
        if self._binding.is_second_experiment(search_alg):
            self._start_experiment()
        self._prepare()
        self._binding.attach(search_alg, trial, type(self).__name__)
        self._added.add(trial.trial_id)
        self._live[trial.trial_id] = trial
        if trial.trial_id in self._stopped:
            self._binding.add_requeued(trial)
        if trial.trial_id in self._failed:
            self._failed.discard(trial.trial_id)
            self._binding.note_retry(trial.trial_id)
        self._trial_added(trial)

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: Mapping[str, Any]
    ) -> str:
        """Continues or stops the trial.

        Raises:
            ValueError: The trial has never reported `time_attr`, or it is not a number.
        """
        self._remove_missing_trials()
        trial_id = trial.trial_id
        if trial_id in self._stopped:
            return TrialScheduler.STOP
        time = self._read_time(trial_id, result)
        if time is None:
            return TrialScheduler.CONTINUE
        self._reports += 1
        reached = self._reached.get(trial_id, -math.inf)
        self._reached[trial_id] = max(time, reached)
        reason = self._stop_reason(trial_id, time, result, time > reached)
        if reason is None and time < self._max_t:
            return TrialScheduler.CONTINUE
        self._stopped[trial_id] = (time, reason or f"full length: {self._time_attr} = {time:g}")
        self._binding.note_stop(trial_id, self._early_reason(trial_id))
        self._trial_ended(trial_id, failed=False)
        return TrialScheduler.STOP

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: Mapping[str, Any]
    ) -> None:
        """Handles the end of a trial that finished or was stopped.

        As in Ray's ASHA, its last report counts for one more rung that was skipped.
        """
        trial_id = trial.trial_id
        self._live.pop(trial_id, None)
        time = None
        if result and self._time_attr in result:
            time = self._read_time(trial_id, result)
        if time is not None and time >= self._reached.get(trial_id, -math.inf):
            self._reached[trial_id] = time
            self._add_last_report(trial_id, time, result)
        self._trial_ended(trial_id, failed=False)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Handles the end of a trial that was stopped while it waited."""
        self._live.pop(trial.trial_id, None)
        self._trial_ended(trial.trial_id, failed=False)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Handles a failed trial. Tune adds it again for a retry."""
        self._live.pop(trial.trial_id, None)
        self._failed.add(trial.trial_id)
        self._trial_ended(trial.trial_id, failed=True)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """The first waiting trial.

        Equal to `FIFOScheduler`, which scans all trials of the experiment, ended ones included.
        Stopped trials that Tune has queued again are ended first.
        """
        self._remove_missing_trials()
        self._binding.end_requeued(tune_controller, self._early_reason)
        for status in WAITING:
            for trial in self._live.values():
                if trial.status == status:
                    return trial
        return None

    def debug_string(self) -> str:
        """One line for Tune's status table."""
        name = type(self).__name__
        return f"Using {name}: {len(self._stopped)} of {len(self._reached)} trials stopped"

    def _early_reason(self, trial_id: str) -> str:
        """Why a trial was stopped early; empty if it had its full length."""
        time, reason = self._stopped[trial_id]
        return reason if time < self._max_t else ""

    def _remove_missing_trials(self) -> None:
        """After a restore, removes the trials that Tune has not added again."""
        if self._is_restored and self._added:
            missing = (set(self._reached) | set(self._stopped)) - self._added
            for trial_id in missing:
                self._reached.pop(trial_id, None)
                self._stopped.pop(trial_id, None)
            self._remove_trials(missing)
        self._is_restored = False

    def _read_time(self, trial_id: str, result: Mapping[str, Any]) -> float | None:
        reported = result.get(self._time_attr)
        if reported is None:
            if trial_id in self._reached:
                return None
            raise ValueError(
                f"time_attr = {self._time_attr!r} is not in the first report of trial {trial_id}, "
                f"which has {sorted(result)}: report it, or count with one of these, e.g. "
                'time_attr="training_iteration"'
            )
        time = number(reported)
        if time is None or not math.isfinite(time):
            raise ValueError(
                f"time_attr = {self._time_attr!r} must be reported as a finite number, got "
                f"{reported!r} from trial {trial_id}"
            )
        return float(time)
