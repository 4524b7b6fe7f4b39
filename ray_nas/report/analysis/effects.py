"""Effect of each choice: mean, interval and count of each value; pairs; what can be fixed.

The share that a choice explains is epsilon squared: the variance between the means of its values,
less what chance alone would put there, over the whole variance. A searcher tries good values more
often, together with other good ones, so effects are associations; those in its random trials are
free of that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Final

import numpy as np
from scipy.stats import t as student

from ray_nas.estimators.arrays import Array
from ray_nas.report.analysis.search_results import SearchResults

MIN_COUNT: Final = 5
"""A value is judged only after so many trials."""
_BINS: Final = 4
"""Groups of a parameter whose values are a range, of equally many trials."""
_MAX_VALUES: Final = 12
"""A parameter with more values than this is grouped like a range if they are numbers."""
_MIN_INTERACTION: Final = 0.02
"""The least share of the variance for which a pair is shown."""
_FALSE_ALARMS: Final = 0.05
"""The chance that a search on noise suggests anything to fix."""


@dataclass(frozen=True)
class ValueEffect:
    """The trials in which a choice had one value."""

    label: str
    """The value, or the ends of a range of values."""
    value: Any
    """None for a range."""
    count: int
    mean: float
    low: float
    """Lower end of the 90 % interval of the mean (Student's t); NaN for a single trial."""
    high: float
    deviation: float
    """Standard deviation; NaN for a single trial."""


@dataclass(frozen=True)
class ChoiceEffect:
    """The effect of one choice."""

    name: str
    share: float
    """The share of the variance that it explains, in [0, 1], where the choice exists."""
    values: list[ValueEffect]
    """In the order of the space."""
    codes: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    """The index into `values` for each trial; -1 where the choice does not exist."""


@dataclass(frozen=True)
class PairEffect:
    """Two choices whose effects depend on each other."""

    first: ChoiceEffect
    second: ChoiceEffect
    means: Array
    """The mean for each pair of values, shape (first values, second values); NaN for none."""
    counts: Array
    interaction: float
    """The share of the variance that the pair explains beyond both choices alone, in [0, 1]."""


@dataclass(frozen=True)
class Suggestion:
    """A value that is better than all other values of its choice."""

    name: str
    value: Any
    gain: float
    """The difference of its mean to the next best value's, in the metric's unit, positive."""


@dataclass(frozen=True)
class ChoiceEffects:
    """The effects of all choices; made by `choice_effects`."""

    metric: str
    mode: str
    trials: int
    """The number of trials with a finite value."""
    mean: float
    """Their mean."""
    choices: list[ChoiceEffect]
    """The one that explains most first; those with a single value are left out."""
    pairs: list[PairEffect]
    """At most three pairs with an interaction worth showing, strongest first."""
    suggestions: list[Suggestion]
    """Empty unless a value is clearly the best."""


def choice_effects(results: SearchResults, *, random_only: bool = False) -> ChoiceEffects:
    """How the first objective depends on each choice.

    Args:
        results: The trials.
        random_only: Whether to use its random trials alone.

    Example:
        >>> from ray_nas.record import ExperimentRecord, events
        >>> from ray_nas.report.analysis.search_results import search_results
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> for number in range(20):
        ...     config = {"op": "conv" if number % 2 else "pool"}
        ...     record.apply(events.TrialProposed(str(number), config, "random", ()))
        ...     loss = (0.2 if number % 2 else 0.7) + number / 1000
        ...     record.apply(events.TrialReported(str(number), {"loss": loss}))
        ...     record.apply(events.TrialEnded(str(number), "completed"))
        >>> found = choice_effects(search_results(record))
        >>> [(effect.label, round(effect.mean, 2)) for effect in found.choices[0].values]
        [('conv', 0.21), ('pool', 0.71)]
        >>> found.suggestions[0].value
        'conv'
    """
    chosen = results.is_usable
    if random_only:
        chosen &= np.array([trial.move == "random" for trial in results.trials], dtype=bool)
    indices = np.flatnonzero(chosen)
    configs = [results.trials[index].config for index in indices]
    values = results.values[indices]
    started = results.record.started
    domains = (started.domains if started else None) or {}
    found = [
        effect
        for name in dict.fromkeys(name for config in configs for name in config)
        if (effect := _choice_effect(name, configs, values, domains.get(name))) is not None
    ]
    found.sort(key=lambda effect: -effect.share)
    return ChoiceEffects(
        results.metric,
        results.mode,
        len(values),
        float(values.mean()) if len(values) else math.nan,
        found,
        _pairs(found, values),
        _suggestions(found, results.sign),
    )


def _choice_effect(
    name: str,
    configs: Sequence[Mapping[str, Any]],
    values: Array,
    domain: Mapping[str, Any] | None,
) -> ChoiceEffect | None:
    """None if fewer than two values were tried."""
    column = [config.get(name) for config in configs]
    labels, codes = _groups(column, domain)
    if len(labels) < 2:
        return None
    groups = [
        _value_effect(label, value, values[codes == code])
        for code, (label, value) in enumerate(labels)
    ]
    return ChoiceEffect(name, _explained(values[codes >= 0], codes[codes >= 0]), groups, codes)


def _groups(
    column: Sequence[Any], domain: Mapping[str, Any] | None
) -> tuple[list[tuple[str, Any]], "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """The groups' labels and values, and each trial's group; -1 where the choice is missing."""
    present = [value for value in column if value is not None]
    tried = {_key(value): value for value in present}
    are_numbers = all(_is_number(value) for value in present)
    domain = domain or {}
    if are_numbers and len(tried) > (1 if "low" in domain else _MAX_VALUES):
        return _ranges(column)
    listed = [_key(value) for value in domain.get("values", [])]
    if not listed:
        listed = sorted(tried, key=lambda key: (tried[key] if are_numbers else 0, key))
    order = [key for key in dict.fromkeys([*listed, *tried]) if key in tried]
    place = {key: index for index, key in enumerate(order)}
    codes = [-1 if value is None else place[_key(value)] for value in column]
    return [(str(tried[key]), tried[key]) for key in order], np.array(codes, dtype=np.int64)


def _ranges(
    column: Sequence[Any],
) -> tuple[list[tuple[str, Any]], "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Groups of equally many trials, by the value."""
    numbers = np.array([math.nan if value is None else float(value) for value in column])
    present = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)))
    if len(edges) < 3:
        edges = np.array([present.min(), present.max() + 1e-12])
    codes = np.searchsorted(edges[1:-1], numbers, side="left")
    codes = np.where(np.isfinite(numbers), codes, -1)
    labels = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
    return [(label, None) for label in labels], codes.astype(np.int64)


def _value_effect(label: str, value: Any, values: Array) -> ValueEffect:
    count = len(values)
    mean = float(values.mean()) if count else math.nan
    if count < 2:
        return ValueEffect(label, value, count, mean, math.nan, math.nan, math.nan)
    deviation = float(values.std(ddof=1))
    half = float(student.ppf(0.95, count - 1)) * deviation / math.sqrt(count)
    return ValueEffect(label, value, count, mean, mean - half, mean + half, deviation)


def _explained(values: Array, codes: "np.ndarray[Any, np.dtype[np.int64]]") -> float:
    """Epsilon squared of a grouping, in [0, 1]."""
    groups = np.unique(codes)
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    free = len(values) - len(groups)
    if total <= 0 or free <= 0:
        return 0.0
    inside = sum(
        float(((part - part.mean()) ** 2).sum())
        for part in (values[codes == group] for group in groups)
    )
    between = total - inside - (len(groups) - 1) * inside / free
    return min(max(between / total, 0.0), 1.0)


def _pairs(choices: Sequence[ChoiceEffect], values: Array, number: int = 3) -> list[PairEffect]:
    """The strongest interactions among the ten choices that explain most."""
    found = [_pair(first, second, values) for first, second in combinations(choices[:10], 2)]
    shown = [pair for pair in found if pair is not None and pair.interaction >= _MIN_INTERACTION]
    return sorted(shown, key=lambda pair: -pair.interaction)[:number]


def _pair(first: ChoiceEffect, second: ChoiceEffect, values: Array) -> PairEffect | None:
    """None if too few trials have both choices.

    The interaction is epsilon squared of the cells in what a sum of two effects does not explain.
    """
    both = (first.codes >= 0) & (second.codes >= 0)
    if both.sum() < 2 * MIN_COUNT:
        return None
    cells = first.codes[both] * len(second.values) + second.codes[both]
    size = len(first.values) * len(second.values)
    counts = np.bincount(cells, minlength=size).astype(np.float64)
    sums = np.bincount(cells, weights=values[both], minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    shape = (len(first.values), len(second.values))
    additive = _additive_fit(means.reshape(shape), counts.reshape(shape)).ravel()[cells]
    rest = values[both] - additive
    total = float(values[both].var())
    share = _explained(rest, cells) * float(rest.var()) / total if total > 0 else 0.0
    return PairEffect(first, second, means.reshape(shape), counts.reshape(shape), share)


def _additive_fit(means: Array, counts: Array) -> Array:
    """The best fit of a sum of two effects to cell means, weighted by the cells' counts."""
    rows, columns = np.indices(means.shape)
    filled = counts > 0
    design = np.concatenate([np.eye(means.shape[0])[rows], np.eye(means.shape[1])[columns]], axis=2)
    weights = np.sqrt(counts[filled])[:, None]
    target = means[filled] * weights[:, 0]
    effects = np.linalg.lstsq(design[filled] * weights, target, rcond=None)[0]
    return np.asarray(design @ effects)


def _suggestions(choices: Sequence[ChoiceEffect], sign: float) -> list[Suggestion]:
    """Values that beat every other value of their choice (Welch's test, Bonferroni's bound)."""
    tests = sum(len(choice.values) * (len(choice.values) - 1) for choice in choices)
    found = []
    for choice in choices:
        if any(one.count < MIN_COUNT or one.value is None for one in choice.values):
            continue
        best, *others = sorted(choice.values, key=lambda one: -sign * one.mean)
        if all(_is_better(best, other, sign, _FALSE_ALARMS / tests) for other in others):
            found.append(Suggestion(choice.name, best.value, abs(best.mean - others[0].mean)))
    return found


def _is_better(one: ValueEffect, other: ValueEffect, sign: float, level: float) -> bool:
    """Whether a mean is better than another one, by Welch's one-sided test."""
    parts = [effect.deviation**2 / effect.count for effect in (one, other)]
    variance = sum(parts)
    difference = sign * (one.mean - other.mean)
    if not variance > 0:
        return difference > 0
    free = variance**2 / sum(
        part**2 / (effect.count - 1) for part, effect in zip(parts, (one, other), strict=True)
    )
    return bool(student.sf(difference / math.sqrt(variance), free) < level)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key(value: Any) -> str:
    """Tells 1 from True and "1"; lists can be keys."""
    return repr(value)
