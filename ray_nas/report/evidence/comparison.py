"""The winner against what it has to beat: in the search, and after retraining."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
from scipy.stats import t as student

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence.evidence import Evidence, Level
from ray_nas.report.evidence.stopped_trials import expected_results
from ray_nas.report.evidence.variance_model import Contrast, VarianceModel
from ray_nas.report.evidence.wording import Interval
from ray_nas.retraining.results import Retraining

MIN_TRIALS: Final = 20
"""Fewer full trainings do not show what the choices are worth."""
Reference: TypeAlias = Literal["the baseline", "the best random trial", "a typical random trial"]


Outcome: TypeAlias = Literal["better", "no better", "worse", "not decidable"]


@dataclass(frozen=True)
class InSearch:
    """The winner's advantage in the search, before and after allowing for having been picked."""

    reference: Reference
    seen: float
    """The difference of the results; positive is better."""
    corrected: Contrast
    trials: int
    """Full trainings that it was estimated from."""
    explained: float
    """The share of their variance that the configs explain."""
    metric: str
    """The held-out metric where trials report one, else the objective."""


@dataclass(frozen=True)
class Retrained:
    """The winner's advantage over the baseline after retraining."""

    gain: Interval
    """Positive is better; 95 % interval."""
    p_value: float
    """One-sided, of the winner being no better."""
    winner: Interval
    """The winner's metric."""
    metric: str
    is_held_out: bool
    seeds: tuple[int, int]
    """That ended well: the winner's, the baseline's."""


def judge_retraining(found: Retrained, searched: InSearch | str) -> Outcome:
    """What the gain after retraining says, given what the search had led to expect.

    An interval that holds 0 does not decide. It is "no better" if the gain is closer to 0 than to
    what was to be expected after allowing for luck, or is not positive.
    """
    decided = judge_interval(found.gain)
    if decided is not None:
        return decided
    expected = searched.corrected.gain.value if isinstance(searched, InSearch) else 0.0
    return "no better" if found.gain.value <= max(expected, 0.0) / 2 else "not decidable"


def judge_search(found: InSearch) -> Outcome:
    """What the search alone says; "no better" if the advantage it showed was luck."""
    gain = found.corrected.gain
    return judge_interval(gain) or ("no better" if gain.high < found.seen else "not decidable")


def judge_interval(gain: Interval) -> Outcome | None:
    """Better or worse if the interval lies on one side of 0, else None.

    Example:
        >>> judge_interval(Interval(1.0, 0.5, 1.5))
        'better'
    """
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else None


def in_search(evidence: Evidence) -> InSearch | str:
    """The winner against the baseline, or against random trials; or why that cannot be said."""
    winner = evidence.winner
    if winner is None:
        return "no trial completed with a finite result"
    if evidence.full.place(winner) is None:
        return f"the best trial, {winner.trial_id}, was not trained to the end"
    if (
        evidence.record.baseline is not None
        and evidence.full.place(evidence.record.baseline) is None
    ):
        return "the baseline was not trained to the end"
    found = _all_trials(evidence)
    if found is None:
        return f"{len(evidence.full.trials)} full trainings are too few to tell luck from choices"
    metric, full = found
    place = full.place(winner)
    assert place is not None, "a full training has passed every rung"
    reference, others = _reference(evidence, full, place)
    if not others:
        return _why_nothing_to_beat(evidence)
    quality = full.quality
    seen = float(quality[place] - quality[others].mean())
    if len(quality) < MIN_TRIALS:
        return f"{len(quality)} full trainings are too few to tell luck from choices"
    if not full.varies:
        return "all results or all configs are equal"
    model = VarianceModel(full.kernel, quality)
    weights = np.zeros(len(quality))
    weights[place] = 1.0
    weights[others] -= 1.0 / len(others)
    return InSearch(reference, seen, model.contrast(weights), len(quality), model.explained, metric)


def retrained(retraining: Retraining) -> Retrained | str:
    """The winner against the baseline after retraining; or why that cannot be said.

    Student's t, with the spread of seeds pooled over all trials that were retrained.
    """
    metric = retraining.test_metric or retraining.metric
    sign = 1.0 if retraining.mode == "max" else -1.0
    groups = _groups(retraining, metric)
    winner, baseline = groups.get(retraining.winner), groups.get("baseline")
    if winner is None:
        return "no retraining of the winner ended with a finite result"
    freedom = sum(len(group) - 1 for group in groups.values())
    if freedom < 1:
        return "one seed each does not show the spread of seeds"
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups.values())
    spread = math.sqrt(squares / freedom)
    if baseline is None:
        return "no baseline was retrained"
    quantile = float(student.ppf(0.975, freedom))
    gain = sign * float(winner.mean() - baseline.mean())
    error = spread * math.sqrt(1 / len(winner) + 1 / len(baseline))
    own = quantile * spread / math.sqrt(len(winner))
    middle = float(winner.mean())
    chance = float(student.sf(gain / error, freedom)) if error > 0 else float(gain <= 0)
    return Retrained(
        Interval(gain, gain - quantile * error, gain + quantile * error),
        chance,
        Interval(middle, middle - own, middle + own),
        metric,
        retraining.test_metric is not None,
        (len(winner), len(baseline)),
    )


def _reference(evidence: Evidence, full: Level, winner: int) -> tuple[Reference, list[int]]:
    """What the winner has to beat, and its places; none if it is the winner or was stopped."""
    if evidence.record.baseline is not None:
        place = full.place(evidence.record.baseline)
        return "the baseline", [] if place is None or place == winner else [place]
    random = [
        place
        for place, trial in enumerate(full.trials)
        if trial.move == "random" and place != winner
    ]
    if full.trials[winner].move == "random":
        return "a typical random trial", random
    return "the best random trial", sorted(random, key=lambda place: -full.quality[place])[:1]


def _why_nothing_to_beat(evidence: Evidence) -> str:
    if evidence.record.baseline is None:
        return "there is no baseline, and no random trial to compare with"
    return "the baseline itself is the best trial"


def _all_trials(evidence: Evidence) -> tuple[str, Level] | None:
    """The results by which the winner is compared, and their metric.

    That is the held-out metric where all trials report it: nobody was picked by it.
    """
    metrics = [evidence.metric]
    for chosen in ([*metrics, evidence.test_metric], metrics):
        if chosen[-1] is None:
            continue
        known = [name for name in chosen if name is not None]
        level = (
            expected_results(evidence, known)
            if evidence.has_early_stops
            else _with_metric(evidence, known[-1])
        )
        if level is not None:
            return known[-1], level
    return None


def _with_metric(evidence: Evidence, metric: str) -> Level | None:
    """The trials of full length with another metric; None if one of them lacks it."""
    values = np.array([one.metrics.get(metric, math.nan) for one in evidence.full.trials])
    if not np.isfinite(values).all():
        return None
    return replace(evidence.full, quality=evidence.sign * values)


def _groups(retraining: Retraining, metric: str) -> dict[str, Array]:
    """The finite results of each retrained trial."""
    values: dict[str, list[float]] = {}
    for one in retraining.trials:
        value = one.metrics.get(metric, math.nan)
        if not one.reason and math.isfinite(value):
            values.setdefault(one.trial, []).append(value)
    return {name: np.array(group) for name, group in values.items()}
