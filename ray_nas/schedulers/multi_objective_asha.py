"""Multi-objective asynchronous successive halving (Schmucker et al., 2021):
https://arxiv.org/abs/2106.12639.

A trial continues if it ranks among the best 1 / eta at its rung: by non-dominated rank, within a
front by epsilon-net. Deviations: trials that break a constraint rank behind all that do not, by how
far they break it. A trial that is the best so far at its rung in one objective continues: where the
best 1 / eta is a single trial, a net has room for one objective only.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ray_nas.checks import Limits, check_objectives, checked_limits, number
from ray_nas.pareto import excess
from ray_nas.schedulers.core.epsilon_net import places_ahead
from ray_nas.schedulers.core.rungs import Rungs
from ray_nas.schedulers.core.stopping_scheduler import ResumableScheduler, State


class MultiObjectiveASHA(ResumableScheduler):
    """At each rung the best 1 / eta continue, and every trial that is best so far in an objective.

    Trials are ranked by non-dominated fronts, within a front by an epsilon-net.

    Args:
        time_attr: The reported figure that counts the budget.
        objectives: Metric name to "min" or "max".
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r.
        reduction_factor: eta.
        constraints: Metric name to (low, high), None for no limit. A trial outside of them goes
            behind all inside.

    Raises:
        ValueError: An argument breaks a rule; the message names it.
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
        super().__init__(time_attr, max_t)
        check_objectives(objectives)
        self._objectives, self._constraints = dict(objectives), checked_limits(constraints)
        self._rungs = Rungs(grace_period, max_t, reduction_factor)
        self._grace_period = float(grace_period)
        self._vectors: list[dict[str, list[float]]] = [{} for _ in self._rungs.levels]
        """At each rung, trial id to its broken amount of constraints and its objectives, all to
        be maximised but the first.
        """

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Tune's metric and mode are for its own tables: the objectives were given."""
        return True

    def _judge(
        self, trial: Any, time: float, result: Mapping[str, Any], is_new: bool
    ) -> str | None:
        if (
            not is_new
            or time < self._grace_period
            or any(name not in result for name in self._objectives)
        ):
            return None
        values = self._values(result)
        if not all(math.isfinite(value) for value in values):
            return "an objective is not finite"
        rung = self._rungs.reach(trial.trial_id, time)
        if rung is None or time >= self._max_t:
            return None
        own = [self._broken(result), *values]
        earlier = list(self._vectors[rung].values())
        self._vectors[rung][trial.trial_id] = own
        self._rungs.record(rung, trial.trial_id, values[0])
        # As in plain ASHA: the newcomer must not fall below the 1 - 1 / eta quantile of those
        # before it.
        ahead = self._ahead(own, earlier)
        if ahead <= len(earlier) / self._rungs.eta:
            return None
        return f"rung {self._rungs.levels[rung]:g}: place {ahead + 1} of {len(earlier) + 1} by fronts and epsilon-net"

    def _ahead(self, own: list[float], earlier: list[list[float]]) -> int:
        """How many earlier trials at a rung rank ahead of the newcomer."""
        table = np.array([own, *earlier])
        broken, values = table[:, 0], table[:, 1:]
        inside = values[1:][broken[1:] == 0]
        if own[0] == 0 and (values[0] > inside.max(axis=0, initial=-math.inf)).any():
            return 0  # the best so far in an objective
        return places_ahead(values, broken)

    def _note_last(self, trial_id: str, time: float, result: Mapping[str, Any]) -> None:
        values, rung = self._values(result), self._rungs.reach(trial_id, time)
        if rung is not None and all(math.isfinite(value) for value in values):
            self._vectors[rung][trial_id] = [self._broken(result), *values]
            self._rungs.record(rung, trial_id, values[0])

    def _values(self, result: Mapping[str, Any]) -> list[float]:
        """The objectives, to be maximised; NaN where one is missing or no number."""
        figures = ((number(result.get(name)), mode) for name, mode in self._objectives.items())
        return [
            math.nan if figure is None else figure * (1 if mode == "max" else -1)
            for figure, mode in figures
        ]

    def _broken(self, result: Mapping[str, Any]) -> float:
        total = 0.0
        for name, limits in self._constraints.items():
            value = number(result.get(name))
            if value is None or not math.isfinite(value):
                return math.inf
            total += excess(value, limits)
        return total

    def _own_state(self) -> State:
        vectors = [
            {
                trial_id: [None if math.isinf(x) else x for x in row]
                for trial_id, row in rung.items()
            }
            for rung in self._vectors
        ]
        return {
            "objectives": dict(self._objectives),
            "rungs": self._rungs.get_state(),
            "vectors": vectors,
        }

    def _set_own_state(self, state: State) -> None:
        if state["objectives"] != self._objectives:
            raise ValueError(
                f"the saved state has objectives {state['objectives']}, this scheduler {self._objectives}"
            )
        self._rungs.set_state(state["rungs"])
        self._vectors = [
            {i: [math.inf if x is None else x for x in row] for i, row in rung.items()}
            for rung in state["vectors"]
        ]

    def _own_reset(self) -> None:
        self._rungs = Rungs(self._grace_period, self._max_t, self._rungs.eta)
        self._vectors = [{} for _ in self._rungs.levels]

    def _forget(self, trial_ids: set[str]) -> None:
        self._rungs.forget(trial_ids)
        for rung in self._vectors:
            for trial_id in trial_ids & rung.keys():
                del rung[trial_id]
