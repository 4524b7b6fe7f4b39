"""Multi-objective asynchronous successive halving (Schmucker et al., 2021): https://arxiv.org/abs/2106.12639.

Promotion by non-dominated rank, ties by crowding distance (Deb et al., 2002, https://doi.org/10.1109/4235.996017).
Deviation: trials that break a constraint rank behind all that do not, by how far they break it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ray_nas.schedulers.base import ResumableScheduler, State
from ray_nas.schedulers.rungs import Rungs

Floats = npt.NDArray[np.float64]
Limits = tuple[float | None, float | None]


class MultiObjectiveASHA(ResumableScheduler):
    """At each rung the best 1 / eta by non-dominated rank and crowding go on.

    Args:
        time_attr: The reported figure that counts the budget.
        objectives: Metric name to "min" or "max".
        max_t: Full length of a trial, R in the paper.
        grace_period: No trial is stopped before; the first rung, r.
        reduction_factor: eta.
        constraints: Metric name to (low, high), None for no limit. A trial outside of them goes behind all inside.

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
        if not objectives:
            raise ValueError("objectives must name at least one metric")
        for name, mode in objectives.items():
            if mode not in ("min", "max"):
                raise ValueError(f"objectives[{name!r}] must be 'min' or 'max', got {mode!r}")
        for name, (low, high) in (constraints or {}).items():
            if low is not None and high is not None and low > high:
                raise ValueError(f"constraints[{name!r}] must have low <= high, got {(low, high)!r}")
        self._objectives, self._constraints = dict(objectives), dict(constraints or {})
        self._rungs = Rungs(grace_period, max_t, reduction_factor)
        self._grace_period = float(grace_period)
        self._vectors: list[dict[str, list[float]]] = [{} for _ in self._rungs.levels]
        """At each rung, trial id to its broken amount of constraints and its objectives, all to be maximised but the first."""

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Tune's metric and mode are for its own tables: the objectives were given."""
        return True

    def _judge(self, trial: Any, time: float, result: Mapping[str, Any], is_new: bool) -> str | None:
        if not is_new or time < self._grace_period or any(name not in result for name in self._objectives):
            return None
        values = [float(result[name]) * (1 if mode == "max" else -1) for name, mode in self._objectives.items()]
        if not all(math.isfinite(value) for value in values):
            return "an objective is not finite"
        rung = self._rungs.reach(trial.trial_id, time)
        if rung is None or time >= self._max_t:
            return None
        own = [self._broken(result), *values]
        earlier = list(self._vectors[rung].values())
        self._vectors[rung][trial.trial_id] = own
        self._rungs.record(rung, trial.trial_id, values[0])
        # As in plain ASHA: the newcomer must not fall below the 1 - 1 / eta quantile of those before it.
        place = order_by_fronts(np.array([*earlier, own])).index(len(earlier))
        if not earlier or place <= len(earlier) / self._rungs.eta:
            return None
        return f"rung {self._rungs.levels[rung]:g}: place {place + 1} of {len(earlier) + 1} by fronts and crowding"

    def _broken(self, result: Mapping[str, Any]) -> float:
        total = 0.0
        for name, (low, high) in self._constraints.items():
            value = float(result.get(name, math.nan))
            if not math.isfinite(value):
                return math.inf
            unit = max(abs(low or 0.0), abs(high or 0.0)) or 1.0
            total += max((low - value) if low is not None else 0.0, (value - high) if high is not None else 0.0, 0.0) / unit
        return total

    def _own_state(self) -> State:
        vectors = [{trial_id: [None if math.isinf(x) else x for x in row] for trial_id, row in rung.items()} for rung in self._vectors]
        return {"objectives": dict(self._objectives), "rungs": self._rungs.get_state(), "vectors": vectors}

    def _set_own_state(self, state: State) -> None:
        if state["objectives"] != self._objectives:
            raise ValueError(f"the saved state has objectives {state['objectives']}, this scheduler {self._objectives}")
        self._rungs.set_state(state["rungs"])
        self._vectors = [{i: [math.inf if x is None else x for x in row] for i, row in rung.items()} for rung in state["vectors"]]

    def _own_reset(self) -> None:
        self._rungs = Rungs(self._grace_period, self._max_t, self._rungs.eta)
        self._vectors = [{} for _ in self._rungs.levels]

    def _forget(self, trial_ids: set[str]) -> None:
        self._rungs.forget(trial_ids)
        for rung in self._vectors:
            for trial_id in trial_ids & rung.keys():
                del rung[trial_id]


def order_by_fronts(table: Floats) -> list[int]:
    """Row indices, best first: feasible before infeasible, by non-dominated front, in a front the least crowded first.

    Args:
        table: (n, 1 + m): the amount by which constraints are broken (0: feasible), then objectives to be maximised.
    """
    broken, values = table[:, 0], table[:, 1:]
    order: list[int] = []
    left = np.flatnonzero(broken == 0)
    while len(left):
        part = values[left]
        at_least = (part[:, None, :] >= part[None]).all(-1)
        better = at_least & (part[:, None, :] > part[None]).any(-1)
        front = left[~better.any(0)]
        order += _least_crowded_first(front, values)
        left = np.setdiff1d(left, front)
    outside = np.flatnonzero(broken > 0)
    return order + [int(index) for index in outside[np.argsort(broken[outside], kind="stable")]]


def _least_crowded_first(front: npt.NDArray[np.intp], values: Floats) -> list[int]:
    distance = np.zeros(len(front))
    for column in values[front].T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0 and len(front) > 2:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return [int(index) for index in front[np.argsort(-distance, kind="stable")]]
