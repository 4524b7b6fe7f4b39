"""Does an advantage on validation data carry over to test data?

A regression of test results on validation results, over the better half by validation. Picking
trials by their validation result does not bias it. A slope of 1 means that all of an advantage
carries over, 0 that it was luck, or fitted to the validation data.
"""

import math
from typing import Final

import numpy as np
from scipy.stats import t as student

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.signal_test import fisher_interval
from ray_nas.report.evidence.variance_model import without_bad_tail
from ray_nas.report.evidence.wording import Interval, number
from ray_nas.report.health.check import HealthCheck

NAME: Final = "validation and test agree"
MIN_TRIALS: Final = 20
LEVEL: Final = 0.05
CARRIED: Final = 0.5
"""An advantage of which less than this carries over is overfitted."""
_REMEDY: Final = (
    "Use more validation data or cross-validation, and pick the winner among the best trials by "
    "retraining them with new seeds (ray-nas retrain)."
)


def check(evidence: Evidence) -> HealthCheck:
    """Warns if less than half of a validation advantage among the better trials is left on test."""
    if evidence.test_metric is None:
        finding = f"No held-out metric beside {evidence.metric} is reported."
        remedy = f"Report test_{evidence.metric} as well; the search does not use it."
        return HealthCheck(NAME, "missing", finding, remedy)
    validation, test = _pairs(evidence, evidence.test_metric)
    if len(validation) < MIN_TRIALS or np.ptp(validation) == 0 or np.ptp(test) == 0:
        finding = f"{len(validation)} full trainings with {evidence.test_metric}: at least "
        finding += f"{MIN_TRIALS} different ones are needed."
        return HealthCheck(NAME, "missing", finding, "Run more trials to the end.")
    better = validation >= np.median(validation)
    slope = carried_over(validation[better], test[better])
    finding = _finding(evidence, validation, test, slope)
    if slope.high < CARRIED:
        return HealthCheck(
            NAME, "warn", "The search overfits the validation data. " + finding, _REMEDY
        )
    return HealthCheck(NAME, "pass", finding)


def carried_over(validation: Array, test: Array) -> Interval:
    """The slope of test on validation, with a 90 % interval that allows for uneven spread (HC3).

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
    half = float(student.ppf(1 - LEVEL, len(test) - 2)) * spread
    return Interval(slope, slope - half, slope + half)


def _pairs(evidence: Evidence, test_metric: str) -> tuple[Array, Array]:
    """Validation and test results of the trials of full length, larger is better."""
    full = evidence.full
    test = np.array([one.metrics.get(test_metric, math.nan) for one in full.trials])
    known = np.isfinite(test)
    if not known.any():
        return np.zeros(0), np.zeros(0)
    return full.quality[known], without_bad_tail(evidence.sign * test[known])


def _finding(evidence: Evidence, validation: Array, test: Array, slope: Interval) -> str:
    best = int(validation.argmax())
    gap, typical = validation - test, float(np.median(validation - test))
    whole = fisher_interval(float(np.corrcoef(validation, test)[0, 1]), len(test))
    return (
        f"Among the better half of {len(test)} full trainings, {number(slope.value)} "
        f"[{number(slope.low)}, {number(slope.high)}] of an advantage in {evidence.metric} is "
        f"left in {evidence.test_metric} (1: all, 0: none). Over all of them the correlation is "
        f"{whole}. "
        f"The winner is {number(gap[best])} better on validation than on test; the median trial "
        f"{number(typical)}."
    )
