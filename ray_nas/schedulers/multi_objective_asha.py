"""Multi-objective asynchronous successive halving (Schmucker et al., 2021).

https://arxiv.org/abs/2106.12639

A trial continues if it ranks among the best 1 / eta at its rung: by non-dominated rank, within a
front by epsilon-net. Differences: trials that violate a constraint rank behind all that do not, in
the order of their violations. A trial that is the best so far at its rung in one objective
continues: where the best 1 / eta is a single trial, a net has room for one objective only.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ray_nas.checks import Limits, check_objectives, checked_limits, number
from ray_nas.pareto import excess
from ray_nas.schedulers.core.epsilon_net import places_ahead
from ray_nas.schedulers.core.rungs import RungLevels
from ray_nas.schedulers.core.stopping_scheduler import StoppingScheduler
from ray_nas.state.attached_state import State


class MultiObjectiveASHA(StoppingScheduler):
    """Asynchronous successive halving for several objectives.

    At each rung the best 1 / eta continue, ranked by non-dominated fronts and within a front by an
    epsilon-net. Every trial that is the best so far in an objective continues too.

    Args:
        time_attr: The metric that counts the budget, e.g. "epoch".
        objectives: Metric name to "min" or "max".
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r in the paper.
        reduction_factor: eta in the paper.
        constraints: Metric name to (low, high), None for no limit. Trials outside the limits rank
            behind all others.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from types import SimpleNamespace
        >>> scheduler = MultiObjectiveASHA(
        ...     time_attr="epoch", objectives={"accuracy": "max", "latency_ms": "min"}, max_t=9
        ... )
        >>> reports = {"accurate": (0.9, 7.0), "fast": (0.3, 1.0), "poor": (0.1, 9.0)}
        >>> for trial_id, (accuracy, latency) in reports.items():
        ...     trial = SimpleNamespace(trial_id=trial_id, status="RUNNING")
        ...     scheduler.on_trial_add(None, trial)
        ...     result = {"epoch": 1, "accuracy": accuracy, "latency_ms": latency}
        ...     print(trial_id, scheduler.on_trial_result(None, trial, result))
        accurate CONTINUE
        fast CONTINUE
        poor STOP
    """

    def __init__(
        self,
        *,
        time_attr: str,
        objectives: Mapping[str, str],
        max_t: float,
        grace_period: float = 1,
        reduction_factor: float = 3,
        constraints: Mapping[str, Limits] | None = None,
    ) -> None:
        check_objectives(objectives)
        self._objectives = dict(objectives)
        self._constraints = checked_limits(constraints)
        self._grace_period = grace_period
        self._reduction_factor = reduction_factor
        super().__init__(time_attr, max_t)

    def _start_experiment(self) -> None:
        super()._start_experiment()
        self._rungs = RungLevels(self._grace_period, self._max_t, self._reduction_factor)
        self._records: list[dict[str, list[float]]] = [{} for _ in self._rungs.levels]
        """At each rung, trial id to the trial's violation of the constraints and its objectives,
        of which larger is better.
        """

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Ignores Tune's metric and mode: the objectives are given in the constructor."""
        return True

    def _stop_reason(
        self, trial_id: str, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        is_complete = all(name in result for name in self._objectives)
        if not is_new or time < self._grace_period or not is_complete:
            return None
        values = self._values(result)
        if not all(math.isfinite(value) for value in values):
            return "an objective is not finite"
        rung = self._rungs.reached(time, trial_id, self._records)
        if rung is None or time >= self._max_t:
            return None
        own = [self._violation(result), *values]
        earlier = list(self._records[rung].values())
        self._records[rung][trial_id] = own
        # As in plain ASHA: not below the 1 - 1 / eta quantile of the earlier trials
        ahead = self._count_ahead(own, earlier)
        if ahead <= len(earlier) / self._rungs.eta:
            return None
        return (
            f"rung {self._rungs.levels[rung]:g}: place {ahead + 1} of {len(earlier) + 1} by fronts "
            "and epsilon-net"
        )

    def _count_ahead(self, own: list[float], earlier: list[list[float]]) -> int:
        """How many earlier trials at a rung rank ahead of a new one."""
        table = np.array([own, *earlier])
        violations, values = table[:, 0], table[:, 1:]
        feasible = values[1:][violations[1:] == 0]
        if own[0] == 0 and (values[0] > feasible.max(axis=0, initial=-math.inf)).any():
            return 0  # the best so far in an objective
        return places_ahead(values, violations)

    def _add_last_report(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        values = self._values(result)
        rung = self._rungs.reached(time, trial_id, self._records)
        if rung is not None and all(math.isfinite(value) for value in values):
            self._records[rung][trial_id] = [self._violation(result), *values]

    def _values(self, result: Mapping[str, Any]) -> list[float]:
        """The objectives, larger is better; NaN for one that is missing or not a number."""
        values = []
        for name, mode in self._objectives.items():
            value = number(result.get(name))
            sign = 1 if mode == "max" else -1
            values.append(math.nan if value is None else value * sign)
        return values

    def _violation(self, result: Mapping[str, Any]) -> float:
        """The total violation of the constraints: 0 if all are met, infinite if one is unknown."""
        total = 0.0
        for name, limits in self._constraints.items():
            value = number(result.get(name))
            if value is None or not math.isfinite(value):
                return math.inf
            total += excess(value, limits)
        return total

    def _remove_trials(self, trial_ids: Collection[str]) -> None:
        for record in self._records:
            for trial_id in trial_ids:
                record.pop(trial_id, None)

    def _get_extra_state(self) -> State:
        records = [
            {
                trial_id: [None if math.isinf(entry) else entry for entry in row]
                for trial_id, row in record.items()
            }
            for record in self._records
        ]
        return {"objectives": dict(self._objectives), "rungs": self._rungs.get_state(records)}

    def _set_extra_state(self, state: State) -> None:
        if state["objectives"] != self._objectives:
            raise ValueError(
                f"the saved state has objectives {state['objectives']}, this scheduler "
                f"{self._objectives}: restore with the scheduler unchanged"
            )
        self._records = [
            {
                trial_id: [math.inf if entry is None else entry for entry in row]
                for trial_id, row in record.items()
            }
            for record in self._rungs.records_of(state["rungs"])
        ]
