"""Asynchronous successive halving (Li et al., 2020): https://arxiv.org/abs/1810.05934."""

import math
from collections.abc import Mapping
from typing import Any

from ray_nas.schedulers.base import OneMetric, ResumableScheduler, State
from ray_nas.schedulers.rungs import Rungs


class LearningCurveASHA(OneMetric, ResumableScheduler):
    """Asynchronous successive halving.

    Args:
        time_attr: The reported figure that counts the budget, e.g. "epoch".
        metric: The metric; None takes Tune's.
        mode: "min" or "max"; None takes Tune's.
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r.
        reduction_factor: The best 1 / eta go on at each rung.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    def __init__(
        self,
        *,
        time_attr: str,
        metric: str | None = None,
        mode: str | None = None,
        max_t: float,
        grace_period: float = 1,
        reduction_factor: float = 3,
    ) -> None:
        ResumableScheduler.__init__(self, time_attr, max_t)
        self._init_metric(metric, mode)
        self._grace_period = float(grace_period)
        self._rungs = Rungs(grace_period, max_t, reduction_factor)
        self._curves: dict[str, list[tuple[float, float]]] = {}

    def _judge(self, trial: Any, time: float, result: Mapping[str, Any], is_new: bool) -> str | None:
        value = self._value(result)
        if value is None:
            return None
        curve = self._curves.setdefault(trial.trial_id, [])
        while curve and curve[-1][0] >= time:
            curve.pop()  # it was retried and starts over, or repeats itself
        curve.append((time, value))
        if not is_new or time < self._grace_period or time >= self._max_t:
            return None
        if math.isnan(value):
            return f"{self._metric} is not finite"
        return self._judge_at_rung(trial.trial_id, time, value)

    def _judge_at_rung(self, trial_id: str, time: float, value: float) -> str | None:
        rung = self._rungs.reach(trial_id, time)
        if rung is None:
            return None
        cutoff = self._rungs.cutoff(rung)
        self._rungs.record(rung, trial_id, value)
        if cutoff is None or value >= cutoff:
            return None
        return f"rung {self._rungs.levels[rung]:g}: {self._metric} {abs(value):g} is not among the best 1/{self._rungs.eta:g} (cut at {abs(cutoff):g})"

    def _own_state(self) -> State:
        return {
            "metric": self._metric,
            "mode": self._mode,
            "rungs": self._rungs.get_state(),
            "curves": {trial_id: [[t, None if math.isnan(v) else v] for t, v in curve] for trial_id, curve in self._curves.items()},
        }

    def _set_own_state(self, state: State) -> None:
        self._rungs.set_state(state["rungs"])
        self._curves = {trial_id: [(t, math.nan if v is None else v) for t, v in curve] for trial_id, curve in state["curves"].items()}

    def _own_reset(self) -> None:
        self._rungs, self._curves = Rungs(self._grace_period, self._max_t, self._rungs.eta), {}

    def _forget(self, trial_ids: set[str]) -> None:
        self._rungs.forget(trial_ids)
        for trial_id in trial_ids & self._curves.keys():
            del self._curves[trial_id]
