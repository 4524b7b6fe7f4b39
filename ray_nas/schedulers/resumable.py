"""`Resumable`: Ray's own schedulers that stop trials, with a memory that survives a crash."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from ray_nas.schedulers.core.experiment_binding import ExperimentBinding
from ray_nas.state.attached_state import State

_SUPPORTED: Final = (AsyncHyperBandScheduler, MedianStoppingRule)
_ENDS: Final = ("on_trial_complete", "on_trial_remove", "on_trial_error")


class Resumable(FIFOScheduler):
    """Restores what a scheduler of Ray knew: `scheduler=Resumable(ASHAScheduler(...))`.

    It records the calls that the scheduler receives. After a restore, a fresh scheduler receives
    the same calls again, for the trials that are still in the experiment. Recorded results hold
    numbers only: no pickles, nothing private of Ray.

    Args:
        scheduler: An `ASHAScheduler` with one bracket (it draws brackets from numpy's global
            generator) or a `MedianStoppingRule` with `hard_stop`. Schedulers that pause trials are
            not supported: they keep live objects of Tune, which calls cannot restore.

    Raises:
        TypeError: The scheduler is of another kind.
        ValueError: The scheduler has several brackets, or pauses trials.

    Example:
        >>> from types import SimpleNamespace
        >>> from ray.tune.schedulers import ASHAScheduler
        >>> def make():
        ...     return Resumable(ASHAScheduler("epoch", "score", "max", max_t=9))
        >>> before, trial = make(), SimpleNamespace(trial_id="a", status="RUNNING")
        >>> before.on_trial_add(None, trial)
        >>> before.on_trial_result(None, trial, {"epoch": 1, "score": 0.5})
        'CONTINUE'
        >>> after = make()
        >>> after.set_state(before.get_state())
        >>> after.get_state()["calls"]
        [['on_trial_add', 'a'], ['on_trial_result', 'a', {'epoch': 1, 'score': 0.5}]]
    """

    def __init__(self, scheduler: TrialScheduler) -> None:
        if not isinstance(scheduler, _SUPPORTED):
            raise TypeError(
                "scheduler must be an ASHAScheduler or a MedianStoppingRule, got "
                f"{type(scheduler).__name__}"
            )
        if len(getattr(scheduler, "_brackets", ())) > 1:
            raise ValueError(
                "scheduler must have brackets=1: Ray assigns brackets at random, from numpy's "
                "global generator"
            )
        if not getattr(scheduler, "_hard_stop", True):
            raise ValueError("scheduler must have hard_stop=True: with False it pauses trials")
        super().__init__()  # type: ignore[no-untyped-call]
        self.scheduler = scheduler
        """Ray's scheduler."""
        self._binding = ExperimentBinding(self.get_state, self.set_state)
        self._calls: list[list[Any]] = []
        """[name, trial id] or [name, trial id, result] in order."""
        self._waiting: list[list[Any]] | None = None
        """Restored calls, until Tune has added the trials again."""
        self._called: set[str] = set()
        """Trials with a call, made or waiting."""
        self._ended: set[str] = set()
        """Trials whose end was passed to Ray's scheduler."""
        self._stopped: set[str] = set()
        self._trials: dict[str, Trial] = {}

    @property
    def metric(self) -> str | None:
        """The metric of Ray's scheduler."""
        metric: str | None = self.scheduler.metric
        return metric

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Passes Tune's metric and mode to Ray's scheduler."""
        return bool(self.scheduler.set_search_properties(metric, mode, **spec))

    # State.

    def get_state(self) -> State:
        """The calls and the stopped trials, as JSON values."""
        return {
            "scheduler": type(self.scheduler).__name__,
            "calls": list(self._current_calls()),
            "stopped": sorted(self._stopped),
        }

    def set_state(self, state: State) -> None:
        """Restores a state returned by `get_state`.

        The calls are made when Tune has added the trials again.

        Raises:
            ValueError: The state belongs to another scheduler.
        """
        name = type(self.scheduler).__name__
        if state["scheduler"] != name:
            raise ValueError(
                f"the saved state is of a {state['scheduler']}, this is a {name}: restore with the "
                "scheduler unchanged"
            )
        self._waiting = list(state["calls"])
        self._stopped = set(state["stopped"])
        self._called = {call[1] for call in self._waiting}
        self._ended = set()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out Tune's live trials: a scheduler is pickled into Tune's `tuner.pkl`."""
        return {**self.__dict__, "_trials": {}}

    # Tune's calls.

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Adds a trial. The first one attaches the scheduler to the experiment's snapshots."""
        search_alg = getattr(tune_controller, "search_alg", None)
        self._binding.attach(search_alg, trial, type(self).__name__)
        self._trials[trial.trial_id] = trial
        if trial.trial_id in self._stopped:
            self._binding.add_requeued(trial)
        if self._waiting is None or trial.trial_id not in self._called:
            self._call("on_trial_add", tune_controller, trial)

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: Mapping[str, Any]
    ) -> str:
        """Returns the decision of Ray's scheduler; a stopped trial stays stopped."""
        self._replay(tune_controller)
        if trial.trial_id in self._stopped:
            return TrialScheduler.STOP
        decision = str(self._call("on_trial_result", tune_controller, trial, _numbers(result)))
        if decision == TrialScheduler.STOP:
            self._stopped.add(trial.trial_id)
        return decision

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: Mapping[str, Any]
    ) -> None:
        """Passes the call to Ray's scheduler."""
        self._end("on_trial_complete", tune_controller, trial, _numbers(result))

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Passes the call to Ray's scheduler."""
        self._end("on_trial_remove", tune_controller, trial)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Passes the call to Ray's scheduler."""
        self._end("on_trial_error", tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """Returns the choice of Ray's scheduler.

        Stopped trials that Tune has queued again are ended first.
        """
        self._replay(tune_controller)
        self._binding.end_requeued(tune_controller, lambda trial_id: "")
        return self.scheduler.choose_trial_to_run(tune_controller)

    def debug_string(self) -> str:
        """The status line of Ray's scheduler."""
        return self.scheduler.debug_string()

    # Recording and replay.

    def _current_calls(self) -> list[list[Any]]:
        return self._calls if self._waiting is None else self._waiting

    def _call(
        self,
        name: str,
        tune_controller: TuneController,
        trial: Trial,
        *result: dict[str, float],
    ) -> Any:
        """Records a call and makes it; only records it while restored calls wait."""
        self._current_calls().append([name, trial.trial_id, *result])
        self._called.add(trial.trial_id)
        if self._waiting is not None:
            return None
        if name in _ENDS:
            self._ended.add(trial.trial_id)
        return getattr(self.scheduler, name)(tune_controller, trial, *result)

    def _end(
        self,
        name: str,
        tune_controller: TuneController,
        trial: Trial,
        *result: dict[str, float],
    ) -> None:
        # Ended before the restore: Ray's scheduler does not expect a second end
        if trial.trial_id in self._stopped and trial.trial_id in self._ended:
            return
        self._call(name, tune_controller, trial, *result)

    def _replay(self, tune_controller: TuneController) -> None:
        """Makes the restored calls, for the trials that Tune has added again."""
        if self._waiting is None:
            return
        calls = self._waiting
        self._waiting = None
        for name, trial_id, *result in calls:
            if trial_id in self._trials:
                self._call(name, tune_controller, self._trials[trial_id], *result)


def _numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a result, which are all that a scheduler compares.

    Text decides nothing, and NaN is not JSON.
    """
    kept = {}
    for name, value in result.items():
        is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and not name.startswith("config/"):
            kept[name] = value.item() if isinstance(value, np.generic) else value
    return kept
