"""Are the best choices at a border of the space? Then better ones may lie beyond it.

For each parameter with an order: the last value is the most frequent one in the best quarter of
trials, and it gives better results than the one before it, the other parameters being equal. The
second part is tested in the mixed model (`evidence.variance_model`), whose similarity is that of
the other parameters: in an evolution, relatives share a value and much else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence import Evidence, Level
from ray_nas.report.evidence.stopped_trials import expected_results
from ray_nas.report.evidence.trial_features import kernel, placer
from ray_nas.report.evidence.variance_model import VarianceModel
from ray_nas.report.evidence.wording import Interval, listed, number, percent
from ray_nas.report.health import early_stopping
from ray_nas.report.health.check import HealthCheck

NAME: Final = "best choices inside the space"
MIN_TRIALS: Final = 20
LEVEL: Final = 0.05
_MIN_EACH: Final = 4
"""Trials needed at the border, and next to it."""
_BINS: Final = (0.1, 0.3, 0.7, 0.9)
"""Where a range is divided: the outer tenth is its border."""


@dataclass(frozen=True)
class Border:
    """A parameter whose best choices are at a border."""

    parameter: str
    value: Any
    """The last value, or the end of the range."""
    side: str
    """"lowest" or "highest"."""
    share: float
    """Of the best quarter of the trials that are there."""
    gain: Interval
    """Over the value next to it, the other parameters being equal."""


def check(evidence: Evidence) -> HealthCheck:
    """Warns if results rise towards the border where the best trials are."""
    ordered = {name: domain for name, domain in (evidence.domains or {}).items() if _levels(domain)}
    if not ordered:
        finding = "No parameter with three or more ordered values, and no range."
        return HealthCheck(NAME, "missing", finding)
    level = _level(evidence)
    if len(level.trials) < MIN_TRIALS or not level.varies:
        finding = (
            f"{len(level.trials)} full trainings: at least {MIN_TRIALS} different ones needed."
        )
        return HealthCheck(NAME, "missing", finding, "Run more trials to the end.")
    found = [_border(level, name, domain, len(ordered)) for name, domain in ordered.items()]
    borders = [border for border in found if border is not None]
    if not borders:
        finding = f"None of the {len(ordered)} ordered parameters is best at its end."
        return HealthCheck(NAME, "pass", finding)
    told = " ".join(map(_told, borders))
    names = listed([f"{border.parameter} beyond {_value(border.value)}" for border in borders])
    remedy = f"Extend the space, {names}, and start from this search with start_from."
    return HealthCheck(NAME, "warn", told, remedy)


def _level(evidence: Evidence) -> Level:
    """Full trainings; all trials where short trainings are known to rank like full ones."""
    if evidence.has_early_stops and early_stopping.check(evidence).status == "pass":
        return expected_results(evidence, [evidence.metric]) or evidence.full
    return evidence.full


def _levels(domain: Mapping[str, Any]) -> int:
    """How many values in order are told apart; 0 without an order."""
    if "values" not in domain:
        return len(_BINS) + 1
    count = len(domain["values"])
    return count if domain["ordered"] and count > 2 else 0


def _border(level: Level, name: str, domain: Mapping[str, Any], tests: int) -> Border | None:
    places = list(map(placer(domain), [trial.config.get(name) for trial in level.trials]))
    active = np.array([place is not None for place in places])
    quality = level.quality[active]
    if active.sum() < MIN_TRIALS or np.ptp(quality) == 0:
        return None
    steps = _steps(np.array([place for place in places if place is not None]), domain)
    best = quality >= np.quantile(quality, 0.75)
    last = _levels(domain) - 1
    most = _most_frequent(steps[best], domain)
    if most not in (0, last):
        return None
    is_low = most == 0
    outward = last - steps if is_low else steps
    share = float((outward[best] == last).mean())
    counts = [(outward == last).sum(), (outward == last - 1).sum()]
    if min(counts) < _MIN_EACH:
        return None
    others = {key: part[active] for key, part in level.columns.items() if key != name}
    gain, chance = _contrast(outward, last, others, quality)
    if chance > LEVEL / (2 * tests):  # two ends each
        return None
    ends = domain.get("values") or [domain["low"], domain["high"]]
    return Border(name, ends[0 if is_low else -1], "lowest" if is_low else "highest", share, gain)


def _steps(places: Array, domain: Mapping[str, Any]) -> Array:
    """The index of each value in its order."""
    if "values" in domain:
        return np.asarray((places * (len(domain["values"]) - 1)).round())
    return np.digitize(places, _BINS).astype(np.float64)


def _most_frequent(steps: Array, domain: Mapping[str, Any]) -> int:
    """The step with the most trials; in a range, for its width."""
    counts = np.bincount(steps.astype(int), minlength=_levels(domain)).astype(np.float64)
    if "values" not in domain:
        counts /= np.diff([0.0, *_BINS, 1.0])
    return int(counts.argmax())


def _contrast(
    outward: Array, last: int, others: Mapping[str, Array], quality: Array
) -> tuple[Interval, float]:
    """What the border gives over the value next to it, and the chance of that without an effect."""
    rest = [step for step in np.unique(outward) if step < last - 1]
    dummies = np.column_stack([outward == last, *(outward == step for step in rest)]).astype(float)
    varying = {key: part for key, part in others.items() if (part.std(0) > 0).any()}
    count = len(quality)
    alike = kernel(varying) if varying else np.eye(count) - 1.0 / count
    model = VarianceModel(alike, quality, dummies)
    return model.coefficient(0), model.p_value(0)


def _told(border: Border) -> str:
    return (
        f"{percent(border.share)} of the best quarter have the {border.side} {border.parameter} "
        f"({_value(border.value)}), which is better than the one next to it by "
        f"{border.gain} (95 % interval)."
    )


def _value(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else str(value)
