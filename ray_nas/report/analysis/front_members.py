"""The Pareto front of an experiment with several objectives."""

import math
from dataclasses import dataclass

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.pareto import is_nondominated
from ray_nas.record import ExperimentRecord, TrialRecord


@dataclass(frozen=True)
class Front:
    """The trials that no other trial beats in all objectives; made by `front_of`."""

    objectives: dict[str, str]
    trials: list[TrialRecord]
    """All completed trials whose objectives are finite."""
    values: Array
    """Their last values, shape (trials, objectives)."""
    members: list[int]
    """Indices of the front, sorted by the first objective, best first."""


def front_of(record: ExperimentRecord) -> Front:
    """The Pareto front by the last report of each completed trial.

    Args:
        record: The experiment.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> objectives = {"accuracy": "max", "ms": "min"}
        >>> record.apply(events.ExperimentStarted("NSGA2", "f00d", objectives, 0))
        >>> for name, ms in (("a", 3.0), ("b", 5.0)):
        ...     record.apply(events.TrialProposed(name, {"depth": 2}, "random", ()))
        ...     record.apply(events.TrialReported(name, {"accuracy": 0.9, "ms": ms}))
        ...     record.apply(events.TrialEnded(name, "completed"))
        >>> front = front_of(record)
        >>> [front.trials[index].trial_id for index in front.members]
        ['a']
    """
    objectives = record.objectives
    trials, rows = [], []
    for trial in record.trials.values():
        row = [trial.metrics.get(name, math.nan) for name in objectives]
        if trial.status == "completed" and all(map(math.isfinite, row)):
            trials.append(trial)
            rows.append(row)
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(objectives))
    signs = np.array([1.0 if mode == "max" else -1.0 for mode in objectives.values()])
    front = np.flatnonzero(is_nondominated(values * signs))
    front = front[np.argsort(-values[front, 0] * signs[0], kind="stable")]
    return Front(objectives, trials, values, front.tolist())
