"""What stopped trials would have come to, so that all trials can be compared.

The trials that were trained to the end had passed the rungs, partly by luck: among them alone, one
that was never judged (the first of a search, often the baseline) looks worse than it is. The
results of the others are therefore filled in, rung by rung, by the regression of the next rung on
this one. Who was stopped does not bias it, since that depended on this rung.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence.evidence import Evidence, Level

MIN_TRIALS: Final = 8
"""That a regression needs."""


def expected_results(evidence: Evidence) -> Level | None:
    """All trials with their results at full length, expected ones for those that were stopped.

    Returns:
        None if too few trials reached a rung, or none was stopped at a known time.
    """
    if evidence.full_time is None or not evidence.rungs:
        return None
    times = [*evidence.rungs, evidence.full_time]
    first = evidence.level(times[0])
    lines = [_line(evidence, short, long) for short, long in pairwise(times)]
    if len(first.trials) < MIN_TRIALS or any(line is None for line in lines):
        return None
    quality = np.zeros(len(first.trials))
    places = {trial.trial_id: place for place, trial in enumerate(first.trials)}
    levels = [evidence.level(time) for time in times]
    for level, line in zip(levels, [None, *lines], strict=True):
        if line is not None:
            quality = line[0] * quality + line[1]
        for trial, value in zip(level.trials, level.quality, strict=True):
            if trial.trial_id in places:
                quality[places[trial.trial_id]] = value
    return Level(evidence.full_time, first.trials, quality, first.columns)


def _line(evidence: Evidence, short: float, long: float) -> Array | None:
    """Slope and intercept of the longer training's results on the shorter's."""
    early, late = evidence.level(short), evidence.level(long)
    known = {one.trial_id: value for one, value in zip(early.trials, early.quality, strict=True)}
    pairs = np.array(
        [
            (known[one.trial_id], value)
            for one, value in zip(late.trials, late.quality, strict=True)
            if one.trial_id in known
        ]
    ).reshape(-1, 2)
    if len(pairs) < MIN_TRIALS or np.ptp(pairs[:, 0]) == 0:
        return None
    return np.asarray(np.polyfit(pairs[:, 0], pairs[:, 1], 1), np.float64)
