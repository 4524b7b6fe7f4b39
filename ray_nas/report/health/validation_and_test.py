"""Does an advantage on validation data carry over to test data?

A regression of test results on validation results, over all trials and over the better half by
validation. Picking trials by their validation result does not bias it. A slope of 1 means that all
of an advantage carries over, 0 that it was luck, or fitted to the validation data.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import value_at
from ray_nas.record import TrialRecord
from ray_nas.report.evidence import Evidence, Level
from ray_nas.report.evidence.variance_model import without_bad_tail
from ray_nas.report.evidence.wording import Interval, number
from ray_nas.report.health.check import HealthCheck

NAME: Final = "validation and test agree"
MIN_TRIALS: Final = 20
_PLENTY: Final = 40
"""Trials that are preferred; fewer full trainings give way to a shorter training."""
LEVEL: Final = 0.05
CARRIED: Final = 0.5
"""An advantage of which less than this carries over is overfitted."""
_REMEDY: Final = (
    "Use more validation data or cross-validation, and pick the winner among the best trials by "
    "retraining them with new seeds (ray-nas retrain)."
)


@dataclass(frozen=True)
class _Results:
    """Validation and test results of the same trials, larger is better."""

    time: float | None
    validation: Array
    test: Array


def check(evidence: Evidence) -> HealthCheck:
    """Warns if surely less than half of a validation advantage is left on test data."""
    if evidence.test_metric is None:
        finding = f"No held-out metric beside {evidence.metric} is reported."
        remedy = f"Report test_{evidence.metric} as well; the search does not use it."
        return HealthCheck(NAME, "missing", finding, remedy)
    found = _results(evidence, evidence.test_metric)
    if found is None:
        finding = f"Fewer than {MIN_TRIALS} different results with {evidence.test_metric}."
        return HealthCheck(NAME, "missing", finding, "Run more trials to the end.")
    better = found.validation >= np.median(found.validation)
    slopes = (
        carried_over(found.validation, found.test),
        carried_over(found.validation[better], found.test[better]),
    )
    finding = _finding(evidence, found, *slopes)
    if min(slope.high for slope in slopes) < CARRIED:
        overfitted = "The search overfits the validation data. "
        return HealthCheck(NAME, "warn", overfitted + finding, _REMEDY)
    if min(slope.value for slope in slopes) < CARRIED:
        return HealthCheck(
            NAME, "missing", f"Not decided. {finding}", "Run more trials to the end."
        )
    return HealthCheck(NAME, "pass", finding)


def carried_over(validation: Array, test: Array) -> Interval:
    """The slope of test on validation, with an interval that allows for uneven spread (HC3).

    The interval lies too low with probability 2.5 %: two of them are tested at 5 %.

    Example:
        >>> import numpy as np
        >>> carried_over(np.arange(9.0), 0.5 * np.arange(9.0)).value
        0.5
    """
    centred = validation - validation.mean()
    squares = float((centred**2).sum())
    if squares == 0:
        return Interval(math.nan, -math.inf, math.inf)
    slope = float(centred @ test) / squares
    residuals = test - test.mean() - slope * centred
    leverage = 1 / len(test) + centred**2 / squares
    spread = math.sqrt(float((centred**2 * (residuals / (1 - leverage)) ** 2).sum())) / squares
    half = float(student.ppf(1 - LEVEL / 2, len(test) - 2)) * spread
    return Interval(slope, slope - half, slope + half)


def _results(evidence: Evidence, test_metric: str) -> _Results | None:
    """Those at full length; where these are few, at the longest rung that many trials reached."""
    rungs = evidence.rungs if evidence.has_early_stops else []
    levels = [evidence.full, *map(evidence.level, reversed(rungs))]
    found = [_at(evidence, level, test_metric) for level in levels]
    usable = [one for one in found if np.ptp(one.validation) > 0 and np.ptp(one.test) > 0]
    for least in (_PLENTY, MIN_TRIALS):
        for one in usable:
            if len(one.test) >= least:
                return one
    return None


def _at(evidence: Evidence, level: Level, test_metric: str) -> _Results:
    values = [_test_result(evidence, trial, level.time, test_metric) for trial in level.trials]
    test = evidence.sign * np.array(values)
    known = np.isfinite(test)
    if not known.any():
        return _Results(level.time, np.zeros(1), np.zeros(1))
    return _Results(
        level.time, without_bad_tail(level.quality[known]), without_bad_tail(test[known])
    )


def _test_result(
    evidence: Evidence, trial: TrialRecord, time: float | None, test_metric: str
) -> float:
    """NaN if there is none by then."""
    if time is None or evidence.time is None:
        return trial.metrics.get(test_metric, math.nan)
    value = value_at(trial.curve(evidence.time, test_metric), time)
    return math.nan if value is None else value


def _finding(evidence: Evidence, found: _Results, whole: Interval, better: Interval) -> str:
    gap = found.validation - found.test
    winner, typical = gap[int(found.validation.argmax())], float(np.median(gap))
    where = "" if found.time is None else f" at {evidence.time} {number(found.time)}"
    return (
        f"Of an advantage in {evidence.metric}, {whole} is left in {evidence.test_metric} (1: all, "
        f"0: none) over {len(found.test)} trials{where}, and {better} over the better half of "
        f"them. The best trial is {number(winner)} better on validation than on test; the median "
        f"trial {number(typical)}."
    )
