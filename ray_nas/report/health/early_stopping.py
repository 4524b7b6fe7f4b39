"""Do short trainings rank like full ones? Only then was it safe to stop trials early.

Trials that were trained to the end had passed the rungs before. They differ less at a rung than
all trials did, which lowers the correlation. It is corrected for that restriction of range
(Thorndike's case 2, "Personnel Selection", 1949), from the spread of all trials at the rung.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.signal_test import fisher_interval, normal_scores
from ray_nas.report.evidence.wording import Interval, number
from ray_nas.report.health.check import HealthCheck

NAME: Final = "short trainings rank like full ones"
MIN_TRIALS: Final = 8
LEVEL: Final = 0.05
ENOUGH: Final = 0.6
"""At this correlation a rung that keeps a third stops the best of 60 trials one time in eight."""
_REMEDY: Final = (
    "Stop later: a longer grace period, or a larger reduction factor's first rung. Or train "
    "everything to the end, and compare with ray_nas.estimators.fidelity_report."
)


class Agreement(NamedTuple):
    """How a rung ranks like full length."""

    time: float
    trials: int
    """That were trained to the end."""
    correlation: Interval
    """Of normal scores, corrected for the picking at the rung. All intervals together miss the
    truth on either side with probability 5 %."""


def check(evidence: Evidence) -> HealthCheck:
    """Warns if a rung's correlation with the end is surely below 0.6."""
    if evidence.full_time is None or not evidence.rungs:
        finding = "Trials report once, or no time: there is no short training to compare."
        return HealthCheck(NAME, "missing", finding)
    if not evidence.has_early_stops:
        found = _agreements(evidence, evidence.rungs[:1])
        told = "".join(f" {_told(evidence, one)}" for one in found)
        return HealthCheck(NAME, "pass", f"No trial was stopped early.{told}")
    return _judge(evidence, _agreements(evidence, evidence.rungs))


def corrected(correlation: float, ratio: float) -> float:
    """A correlation as it would be without picking by one of the two measures.

    Args:
        correlation: Among the picked, in [-1, 1].
        ratio: Standard deviation of that measure before picking, divided by the one after.

    Example:
        >>> round(corrected(0.5, 2.0), 3)
        0.756
    """
    return correlation * ratio / math.sqrt(1 + correlation**2 * (ratio**2 - 1))


def _agreements(evidence: Evidence, rungs: list[float]) -> list[Agreement]:
    found = [_agreement(evidence, rung, len(rungs)) for rung in rungs]
    return [agreement for agreement in found if agreement is not None]


def _agreement(evidence: Evidence, rung: float, tests: int) -> Agreement | None:
    """None where too few trials reached both."""
    everyone, longer = evidence.level(rung), evidence.full
    scores = dict(
        zip(
            (trial.trial_id for trial in everyone.trials),
            normal_scores(everyone.quality),
            strict=True,
        )
    )
    both = [place for place, trial in enumerate(longer.trials) if trial.trial_id in scores]
    early = np.array([scores[longer.trials[place].trial_id] for place in both])
    late = normal_scores(longer.quality[both]) if both else np.zeros(0)
    if len(both) < MIN_TRIALS or np.ptp(early) == 0 or np.ptp(late) == 0:
        return None
    ratio = float(np.array(list(scores.values())).std() / early.std())
    plain = fisher_interval(float(np.corrcoef(early, late)[0, 1]), len(both), 1 - 2 * LEVEL / tests)
    return Agreement(rung, len(both), Interval(*(corrected(end, ratio) for end in plain)))


def _judge(evidence: Evidence, found: list[Agreement]) -> HealthCheck:
    if not found:
        finding = f"Fewer than {MIN_TRIALS} trials were trained to the end, too few to compare."
        remedy = "Stop fewer trials, or run more of them."
        return HealthCheck(NAME, "missing", finding, remedy)
    worst = min(found, key=lambda one: one.correlation.high)
    told = " ".join(_told(evidence, one) for one in found)
    if worst.correlation.high < ENOUGH:
        return HealthCheck(NAME, "warn", "Early stopping ranks trials wrongly. " + told, _REMEDY)
    if min(one.correlation.value for one in found) < ENOUGH:
        remedy = "Stop fewer trials, or run more of them."
        return HealthCheck(NAME, "missing", f"Too few trials to tell. {told}", remedy)
    return HealthCheck(NAME, "pass", told)


def _told(evidence: Evidence, one: Agreement) -> str:
    return (
        f"{evidence.time} {number(one.time)} ranks like full length with correlation "
        f"{one.correlation} ({one.trials} full trainings)."
    )
