"""What stopped trials would have come to, so that all trials can be compared.

The trials that were trained to the end had passed the rungs, partly by luck: among them alone, one
that was never judged (the first of a search, often the baseline) looks worse than it is. The
results of the others are therefore filled in, rung by rung, by the regression of the next rung on
this one. Who was stopped does not bias it, since that depended on this rung's objective.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import value_at
from ray_nas.report.evidence.evidence import Evidence, Level

MIN_TRIALS: Final = 8
"""That a regression needs."""


def expected_results(evidence: Evidence, metrics: Sequence[str]) -> Level | None:
    """All trials with their results at full length, expected ones for those that were stopped.

    Args:
        evidence: The search.
        metrics: The objective, which decided who was stopped, and possibly a held-out metric. The
            results are those of the last one.

    Returns:
        None if too few trials reached a rung with all metrics, or none was stopped.
    """
    if evidence.full_time is None or not evidence.rungs:
        return None
    times = [*evidence.rungs, evidence.full_time]
    states = [_states(evidence, time, metrics) for time in times]
    lines = [_line(short, long) for short, long in pairwise(states)]
    first = evidence.level(times[0])
    trials = [trial for trial in first.trials if trial.trial_id in states[0]]
    if len(trials) < max(MIN_TRIALS, len(first.trials)) or any(line is None for line in lines):
        return None
    found = [_follow(trial.trial_id, states, lines)[-1] for trial in trials]
    return Level(evidence.full_time, trials, np.array(found), first.columns)


def _states(evidence: Evidence, time: float, metrics: Sequence[str]) -> dict[str, Array]:
    """The metrics of each trial that was trained until a time, by trial id; larger is better."""
    assert evidence.time is not None
    found: dict[str, Array] = {}
    for trial in evidence.level(time).trials:
        values = [value_at(trial.curve(evidence.time, metric), time) for metric in metrics]
        state = np.array([math.nan if value is None else value for value in values])
        if np.isfinite(state).all():
            found[trial.trial_id] = evidence.sign * state
    return found


def _line(short: dict[str, Array], long: dict[str, Array]) -> Array | None:
    """The regression of the longer training on the shorter, shape (1 + metrics, metrics)."""
    both = [name for name in long if name in short]
    if len(both) < MIN_TRIALS:
        return None
    early = np.array([[1.0, *short[name]] for name in both])
    late = np.array([long[name] for name in both])
    return np.asarray(np.linalg.lstsq(early, late, rcond=None)[0], np.float64)


def _follow(name: str, states: list[dict[str, Array]], lines: list[Array | None]) -> Array:
    """A trial's metrics at full length: reported as far as it came, expected from there."""
    state = states[0][name]
    for line, reported in zip(lines, states[1:], strict=True):
        assert line is not None
        state = reported[name] if name in reported else np.array([1.0, *state]) @ line
    return state
