"""The scheduler of the running experiment: its arguments, and a hook on what it decides.

Tune passes its scheduler to no searcher. `tune.run` holds it in a local variable `scheduler`, and
its controller asks it with `scheduler.on_trial_result(controller, trial, result)`, which is wrapped
here on that one object. Ray's schedulers keep their arguments in private attributes.

`tests/tune_internals/test_scheduler_decisions.py` fails when Ray changes this.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from ray import tune
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from ray_nas.record.events import SchedulerStarted
from ray_nas.record.given_arguments import GivenArguments, RecordsArguments
from ray_nas.tune_internals.call_stack import locals_of

OnStop: TypeAlias = Callable[[str, str, Mapping[str, Any]], None]
"""Called with a trial's id, the reason and the flat result when the scheduler stops it."""

_RUN: Final = inspect.unwrap(tune.run).__code__
_NAMES: Final = {"AsyncHyperBandScheduler": "ASHAScheduler"}
"""Class name to the name that users know it by."""
_MEDIAN_ARGUMENTS: Final = (
    "time_attr",
    "metric",
    "mode",
    "grace_period",
    "min_samples_required",
    "min_time_slice",
    "hard_stop",
)


def running_scheduler() -> TrialScheduler | None:
    """The scheduler of the running `tune.run`; None outside of one."""
    scheduler = locals_of(_RUN).get("scheduler")
    return scheduler if isinstance(scheduler, TrialScheduler) else None


def describe(scheduler: TrialScheduler) -> SchedulerStarted:
    """The event that says which scheduler begins, and its arguments.

    Example:
        >>> from ray.tune.schedulers import ASHAScheduler
        >>> describe(ASHAScheduler("epoch", max_t=9, reduction_factor=3)).arguments["max_t"]
        9
    """
    name = _NAMES.get(type(scheduler).__name__, type(scheduler).__name__)
    inner = getattr(scheduler, "scheduler", None)
    if isinstance(inner, TrialScheduler):
        own = describe(inner)
        values = {"scheduler": own.scheduler, "arguments": own.arguments}
        return SchedulerStarted(name, values, own.unrecorded)
    if isinstance(scheduler, RecordsArguments):
        given = scheduler.given_arguments
    elif type(scheduler) is FIFOScheduler:
        given = GivenArguments()
    elif type(scheduler) is AsyncHyperBandScheduler:
        given = GivenArguments.of(_asha_arguments(scheduler))
    elif type(scheduler) is MedianStoppingRule:
        given = GivenArguments.of({key: getattr(scheduler, f"_{key}") for key in _MEDIAN_ARGUMENTS})
    else:
        given = GivenArguments(unrecorded={"all arguments": name})
    return SchedulerStarted(name, given.values, given.unrecorded or None)


def watch(scheduler: TrialScheduler, on_stop: OnStop) -> None:
    """Has `on_stop` called whenever the scheduler stops a trial by its report.

    It replaces an earlier one.
    """
    earlier = scheduler.__dict__.get("on_trial_result")
    decide = earlier.decide if isinstance(earlier, _Watched) else scheduler.on_trial_result
    scheduler.on_trial_result = _Watched(scheduler, decide, on_stop)  # type: ignore[method-assign,assignment]


class _Watched:
    """A scheduler's `on_trial_result`, and who hears of its stops."""

    def __init__(
        self, scheduler: TrialScheduler, decide: Callable[..., str], on_stop: OnStop | None
    ) -> None:
        self.scheduler = scheduler
        self.decide = decide
        self.on_stop = on_stop

    def __call__(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        decision = self.decide(controller, trial, result)
        if decision == TrialScheduler.STOP and self.on_stop is not None:
            reason = asha_reason(self.scheduler, trial.trial_id, result)
            self.on_stop(trial.trial_id, reason, result)
        return decision

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out who hears of stops: a scheduler may be pickled into Tune's `tuner.pkl`."""
        return {**self.__dict__, "on_stop": None}


def remembers(scheduler: TrialScheduler) -> bool:
    """Whether a scheduler knows after a restore what it knew before."""
    has_state = hasattr(scheduler, "get_state") and hasattr(scheduler, "set_state")
    return has_state or type(scheduler) is FIFOScheduler


def asha_reason(scheduler: Any, trial_id: str, result: Mapping[str, Any]) -> str:
    """Why Ray's ASHA has just stopped a trial; empty for full length, and for other schedulers.

    Schedulers of this package pass their reasons themselves.
    """
    asha = getattr(scheduler, "scheduler", scheduler)
    if not isinstance(asha, AsyncHyperBandScheduler) or trial_id not in asha._trial_info:
        return ""
    if result.get(asha._time_attr, 0) >= asha._max_t:
        return ""
    for milestone, recorded in asha._trial_info[trial_id]._rungs:  # the highest first
        if trial_id in recorded:
            others = [value for name, value in recorded.items() if name != trial_id]
            return _rung_reason(asha, milestone, recorded[trial_id], others)
    return ""


def _rung_reason(
    scheduler: AsyncHyperBandScheduler, milestone: float, value: float, others: list[float]
) -> str:
    eta = scheduler._reduction_factor
    cutoff = np.nanpercentile(others, (1 - 1 / eta) * 100) if others else value
    sign = scheduler._metric_op or 1.0
    return (
        f"rung {milestone:g}: {value * sign:g} is not among the best 1/{eta:g} "
        f"(cut at {cutoff * sign:g})"
    )


def _asha_arguments(scheduler: AsyncHyperBandScheduler) -> dict[str, Any]:
    rungs = scheduler._brackets[0]._rungs
    return {
        "time_attr": scheduler._time_attr,
        "metric": scheduler._metric,
        "mode": scheduler._mode,
        "max_t": scheduler._max_t,
        "grace_period": rungs[-1][0] if rungs else scheduler._max_t,
        "reduction_factor": scheduler._reduction_factor,
        "brackets": len(scheduler._brackets),
        "stop_last_trials": scheduler._stop_last_trials,
    }
