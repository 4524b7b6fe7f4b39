"""`Resumable`: Ray's own schedulers that stop trials, with a memory that outlives a crash."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from ray_nas.tune_internals import requeued_trials as revived
from ray_nas.tune_internals import search_algorithm as experiment_state

State = dict[str, Any]

_KINDS: Final = (AsyncHyperBandScheduler, MedianStoppingRule)


class Resumable(FIFOScheduler):
    """Gives a scheduler of Ray back what it knew: `scheduler=Resumable(ASHAScheduler(...))`.

    It notes the calls that the scheduler received. After a restore, a fresh scheduler receives the
    same calls again, as far as their trials are still in the experiment. Calls go with their
    numbers alone: no pickles, nothing private of Ray.

    Args:
        scheduler: An `ASHAScheduler` (with one bracket: it draws brackets from numpy's global
            generator) or a `MedianStoppingRule` with `hard_stop`. Schedulers that pause trials hold
            on to live objects of Tune; replaying calls does not bring these back.

    Raises:
        TypeError: Another kind of scheduler.
        ValueError: It has several brackets, or pauses trials.
    """

    def __init__(self, scheduler: TrialScheduler) -> None:
        if not isinstance(scheduler, _KINDS):
            raise TypeError(
                f"scheduler must be an ASHAScheduler or a MedianStoppingRule, got {type(scheduler).__name__}"
            )
        if len(getattr(scheduler, "_brackets", ())) > 1:
            raise ValueError(
                "scheduler must have brackets=1: Ray assigns brackets at random, from numpy's global generator"
            )
        if not getattr(scheduler, "_hard_stop", True):
            raise ValueError("scheduler must have hard_stop=True: with False it pauses trials")
        super().__init__()  # type: ignore[no-untyped-call]
        self.scheduler = scheduler
        """The scheduler inside."""
        self._calls: list[list[Any]] = []
        """[name, trial id] or [name, trial id, result] in order; results hold numbers only."""
        self._added: set[str] = set()
        """Trials with a call that waits or was made."""
        self._ended: set[str] = set()
        """Trials whose end was passed on to the scheduler inside."""
        self._stopped: set[str] = set()
        self._trials: dict[str, Any] = {}
        self._waiting: list[list[Any]] | None = None
        """Calls to be made again, once Tune has added the trials back."""
        self._revived: list[Any] = []
        self._search_alg: Any = None

    @property
    def metric(self) -> Any:
        """The inner scheduler's."""
        return self.scheduler.metric

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Hands Tune's metric and mode on."""
        return bool(self.scheduler.set_search_properties(metric, mode, **spec))

    def get_state(self) -> State:
        """The calls and the trials stopped, as JSON values."""
        calls = self._calls if self._waiting is None else self._waiting
        return {
            "scheduler": type(self.scheduler).__name__,
            "calls": list(calls),
            "stopped": sorted(self._stopped),
        }

    def set_state(self, state: State) -> None:
        """Takes what `get_state` gave. The calls are made once the trials are back."""
        if state["scheduler"] != type(self.scheduler).__name__:
            raise ValueError(
                f"the saved state is of a {state['scheduler']}, this is a {type(self.scheduler).__name__}"
            )
        self._waiting, self._stopped = list(state["calls"]), set(state["stopped"])
        self._added, self._ended = {call[1] for call in self._waiting}, set()

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Notes a trial; the first one attaches the state to the experiment's snapshots."""
        search_alg = getattr(tune_controller, "search_alg", None)
        if search_alg is not None and search_alg is not self._search_alg:
            self._search_alg = search_alg
            experiment_state.attach(
                search_alg, trial, type(self).__name__, self.get_state, self.set_state
            )
        self._trials[trial.trial_id] = trial
        if trial.trial_id in self._stopped:
            self._revived.append(trial)
        if self._waiting is None or trial.trial_id not in self._added:
            self._call("on_trial_add", tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """What the scheduler inside decides; a trial that it has stopped stays stopped."""
        self._replay(tune_controller)
        if trial.trial_id in self._stopped:
            return str(TrialScheduler.STOP)
        decision = str(self._call("on_trial_result", tune_controller, trial, _numbers(result)))
        if decision == TrialScheduler.STOP:
            self._stopped.add(trial.trial_id)
        return decision

    def on_trial_complete(
        self, tune_controller: Any, trial: Any, result: Mapping[str, Any]
    ) -> None:
        """Hands the call on."""
        self._end("on_trial_complete", tune_controller, trial, _numbers(result))

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Hands the call on."""
        self._end("on_trial_remove", tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Hands the call on."""
        self._end("on_trial_error", tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """What the scheduler inside chooses, once trials that were stopped and are queued again
        have been ended.
        """
        self._replay(tune_controller)
        while self._revived:
            trial = self._revived.pop()
            if trial.status in revived.WAITING:
                revived.end(tune_controller, trial)
        return self.scheduler.choose_trial_to_run(tune_controller)

    def debug_string(self) -> str:
        """The inner scheduler's."""
        return str(self.scheduler.debug_string())

    def _call(self, name: str, tune_controller: Any, trial: Any, *result: dict[str, float]) -> Any:
        calls = self._calls if self._waiting is None else self._waiting
        calls.append([name, trial.trial_id, *result])
        self._added.add(trial.trial_id)
        if self._waiting is not None:
            return None
        if name not in _GOING:
            self._ended.add(trial.trial_id)
        return getattr(self.scheduler, name)(tune_controller, trial, *result)

    def _end(self, name: str, tune_controller: Any, trial: Any, *result: dict[str, float]) -> None:
        if trial.trial_id in self._stopped and trial.trial_id in self._ended:
            return  # it had ended before the restore; the scheduler inside would not know it any more
        self._call(name, tune_controller, trial, *result)

    def _replay(self, tune_controller: Any) -> None:
        if self._waiting is None:
            return
        calls, self._waiting = self._waiting, None
        for name, trial_id, *result in calls:
            if trial_id in self._trials:
                self._call(name, tune_controller, self._trials[trial_id], *result)

    def __getstate__(self) -> State:
        """For Tune's `tuner.pkl`."""
        return {**self.__dict__, "_search_alg": None, "_trials": {}, "_revived": []}


_GOING: Final = ("on_trial_add", "on_trial_result")


def _numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """What a scheduler may compare; text and NaN would not survive as JSON, and decide nothing."""
    kept = {}
    for name, value in result.items():
        if (
            isinstance(value, int | float | np.number)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and not name.startswith("config/")
        ):
            kept[name] = value.item() if isinstance(value, np.generic) else value
    return kept
