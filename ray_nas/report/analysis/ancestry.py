"""Where a trial comes from: the line of its parents, and what each step changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray_nas.record import ExperimentRecord, TrialRecord
from ray_nas.report.analysis.search_results import final_value, first_objective


@dataclass(frozen=True)
class Change:
    """One parameter that differs between two configs."""

    name: str
    before: Any
    """None where the parameter was inactive."""
    after: Any


@dataclass(frozen=True)
class Step:
    """One trial in the line from the first ancestor to a trial."""

    trial: TrialRecord
    value: float
    """The first objective; NaN if there is none."""
    changes: list[Change]
    """Against the parent of the line; empty for the first ancestor."""
    gain: float
    """How much better it is than its parent, positive for better; NaN if unknown."""


def main_line(record: ExperimentRecord, trial_id: str) -> list[Step]:
    """A trial's line of first parents, oldest first.

    Args:
        record: The experiment.
        trial_id: The trial at the end of the line.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("LocalSearch", "f00d", {"loss": "min"}, 0))
        >>> for name, depth, parents in (("a", 2, ()), ("b", 3, ("a",))):
        ...     record.apply(events.TrialProposed(name, {"depth": depth}, "mutation", parents))
        ...     record.apply(events.TrialReported(name, {"loss": 1 / depth}))
        ...     record.apply(events.TrialEnded(name, "completed"))
        >>> step = main_line(record, "b")[-1]
        >>> step.changes, round(step.gain, 3)
        ([Change(name='depth', before=2, after=3)], 0.167)
    """
    metric, mode = first_objective(record)
    line: list[TrialRecord] = []
    trial = record.trials.get(trial_id)
    while trial is not None and trial not in line:
        line.append(trial)
        trial = record.trials.get(trial.parents[0]) if trial.parents else None
    sign = 1.0 if mode == "max" else -1.0
    steps: list[Step] = []
    for trial in line[::-1]:
        value = final_value(trial, metric)
        parent = steps[-1] if steps else None
        changes = differences(parent.trial.config, trial.config) if parent else []
        gain = sign * (value - parent.value) if parent else float("nan")
        steps.append(Step(trial, value, changes, gain))
    return steps


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The parameters that differ, in the order of their names.

    Example:
        >>> differences({"depth": 2, "op": "conv"}, {"depth": 3, "op": "conv"})
        [Change(name='depth', before=2, after=3)]
    """
    return [
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
