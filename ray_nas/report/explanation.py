"""Explains a trial in plain words: why it was proposed, what was expected, why it ended."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ray_nas.record.experiment import ExperimentRecord, TrialRecord

_TITLES: Final = {
    "proposed": "Why it was proposed",
    "expected": "What was expected",
    "ended": "Why it ended",
    "needed": "What would have had to differ",
}
_MOVES: Final = {
    "baseline": "it is the baseline, the network that the search is compared with",
    "random": "it was drawn at random from the space",
    "given": "the user asked for it (points_to_evaluate)",
    "earlier": "it is one of the best of an earlier search (start_from)",
    "warmup": "its score before the first trial was among the best",
    "control": "it is a random candidate, to check whether the scores say anything",
    "scored": "it was scored before the first trial, and the predictor chose it",
    "model": "the density model of the good trials drew it",
    "controller": "the controller drew it",
    "grid": "it is the next point of the grid",
    "scan": "nothing new was drawn any more, so it is the next of the whole space in order",
}
_MOVES_OF_PARENTS: Final = {
    "mutation": "a mutation",
    "crossover": "a crossover",
    "neighbor": "a neighbor",
    "retrain": "the winner trained from scratch: a copy",
}
_CUT: Final = re.compile(
    r"rung (?P<rung>\S+): (?P<what>forecast )?(?P<value>\S+) is not among .*"
    r"\(cut at (?P<cut>[^)]+)\)"
)
_PLACE: Final = re.compile(r"rung (?P<rung>\S+): place (?P<place>\d+) of (?P<count>\d+)")
_UNLIKELY: Final = re.compile(r"extrapolated: ends above trial (?P<rival>\S+) with probability")
_LIMIT: Final = re.compile(r"(?P<name>\S+) = \S+ is outside of (?P<limits>\[.*?\])")


def explain(record: ExperimentRecord, trial: str = "best") -> str:
    """Why a trial was proposed, from whom, what was expected of it, and why it ended.

    Args:
        record: The experiment's record, as `ray_nas.record.load` returns it.
        trial: The trial's id, or "best".

    Returns:
        A few lines of plain text.

    Raises:
        ValueError: There is no such trial, or no trial has completed.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(events.TrialProposed("a", {"depth": 2}, "random", ()))
        >>> record.apply(events.TrialReported("a", {"loss": 0.5}))
        >>> record.apply(events.TrialEnded("a", "completed"))
        >>> print(explain(record))
        Trial a: loss 0.5, the best of 1 completed trial
        Why it was proposed: it was drawn at random from the space.
        What was expected: nothing, RandomSearch predicts no results.
        Why it ended: it ran to its end, after 1 report.
        What would have had to differ: nothing, no other trial is better.
    """
    found = explanation(record, trial)
    lines = [f"Trial {found['trial']}: {found['standing']}"]
    for key, title in _TITLES.items():
        first, *more = found[key]
        lines += [f"{title}: {first}", *(f"  {line}" for line in more)]
    return "\n".join(lines)


def explanation(record: ExperimentRecord, trial: str = "best") -> dict[str, Any]:
    """The same as `explain`, in parts.

    Args:
        record: The experiment's record.
        trial: The trial's id, or "best".

    Returns:
        The trial's id (`trial`), its `standing`, and lists of sentences: `proposed`, `expected`,
        `ended` and `needed`.

    Raises:
        ValueError: There is no such trial, or no trial has completed.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(events.TrialProposed("a", {"depth": 2}, "random", ()))
        >>> explanation(record, "a")["ended"]
        ['it has not ended in this record, after 0 reports.']
    """
    found = _find(record, trial)
    return {
        "trial": found.trial_id,
        "standing": _standing(record, found),
        "proposed": _origin(record, found),
        "expected": _expectation(record, found),
        "ended": _ending(record, found),
        "needed": _needed(record, found),
    }


def _find(record: ExperimentRecord, trial: str) -> TrialRecord:
    if trial == "best":
        ranked = record.ranked()
        if not ranked:
            raise ValueError("trial must not be 'best': no trial has completed with a finite value")
        return ranked[0]
    if trial not in record.trials:
        close = difflib.get_close_matches(trial, record.trials, n=3)
        hint = f"; close to it: {', '.join(close)}" if close else ""
        raise ValueError(
            f"trial must be 'best' or the id of one of the record's {len(record.trials)} trials, "
            f"got {trial!r}{hint}"
        )
    return record.trials[trial]


# Its place.


def _standing(record: ExperimentRecord, trial: TrialRecord) -> str:
    ranked = [one.trial_id for one in record.ranked()]
    values = _values(record, trial.metrics) or "no result"
    if trial.trial_id not in ranked:
        return f"{values}, {trial.status}"
    place = ranked.index(trial.trial_id) + 1
    place_text = "the best" if place == 1 else f"place {place}"
    metric = f" by {next(iter(record.objectives))}" if len(record.objectives) > 1 else ""
    return f"{values}, {place_text} of {_count(len(ranked), 'completed trial')}{metric}"


# Where it comes from.


def _origin(record: ExperimentRecord, trial: TrialRecord) -> list[str]:
    if trial.move not in _MOVES_OF_PARENTS:
        text = _MOVES.get(trial.move, f"the searcher's move was {trial.move!r}")
        return [f"{text}.", *_parents(record, trial)]
    names = " and ".join(trial.parents) or "a candidate that was never tried"
    return [f"it is {_MOVES_OF_PARENTS[trial.move]} of {names}.", *_parents(record, trial)]


def _parents(record: ExperimentRecord, trial: TrialRecord) -> Iterator[str]:
    """What each parent had reached when the trial was proposed, and what changed."""
    counts = trial.parent_reports or (0,) * len(trial.parents)
    for name, count in zip(trial.parents, counts, strict=True):
        parent = record.trials.get(name) or record.imported.get(name)
        if parent is None:
            yield f"{name} is not in the record."
            continue
        before = parent.reports[:count]
        values = _values(record, before[-1]) if before else ""
        changes = _changes(parent.config, trial.config)
        yield f"{name} had {values or 'no result'} then; {changes}."


def _changes(parent: Mapping[str, Any], child: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*parent, *child} if parent.get(name) != child.get(name))
    if not names:
        return "nothing changed"
    changes = [f"{name} {parent.get(name, '-')} -> {child.get(name, '-')}" for name in names]
    return f"changed: {', '.join(changes)}"


# What was expected.


def _expectation(record: ExperimentRecord, trial: TrialRecord) -> list[str]:
    searcher = record.started.searcher if record.started else "the searcher"
    lines = [
        _prediction(name, interval, trial) for name, interval in (trial.expected or {}).items()
    ]
    rank = _score_rank(record, trial)
    if rank is not None:
        lines.append(rank)
    return lines or [f"nothing, {searcher} predicts no results{_of_this_kind(record, trial)}."]


def _of_this_kind(record: ExperimentRecord, trial: TrialRecord) -> str:
    """For a searcher that predicts, but did not here."""
    predicts = any(one.expected for one in record.trials.values())
    return f" for a trial like this ({trial.move})" if predicts else ""


def _prediction(metric: str, interval: Sequence[float], trial: TrialRecord) -> str:
    mean, low, high = interval
    text = f"{metric} {mean:.6g}, within [{low:.6g}, {high:.6g}] two times in three"
    reached = trial.metrics.get(metric, math.nan)
    if not math.isfinite(reached):
        return f"{text}."
    if trial.reason and trial.status == "completed":
        return f"{text}, at full length; it was stopped before, at {reached:.6g}."
    side = "below it" if reached < low else "above it" if reached > high else "within it"
    return f"{text}; it reached {reached:.6g}, {side}."


def _score_rank(record: ExperimentRecord, trial: TrialRecord) -> str | None:
    """Its rank by a score before the first trial; None if it was not scored."""
    scored = record.scored
    if scored is None or trial.config not in scored.configs:
        return None
    own = scored.scores[scored.configs.index(trial.config)]
    better = sum(score > own for score in scored.scores)
    return f"{scored.score} ranked it {better + 1} of {len(scored.scores)} (score {own:.4g})."


# Its end.


def _ending(record: ExperimentRecord, trial: TrialRecord) -> list[str]:
    after = f"after {_count(len(trial.reports), 'report')}"
    if trial.status == "unfinished":
        return [f"it has not ended in this record, {after}."]
    if trial.status == "error":
        return [f"{trial.reason}, {after}; the trial's folder holds the error."]
    if not trial.reason:
        return [f"it ran to its end, {after}."]
    if trial.status == "infeasible" or trial.reason.startswith("cut off"):
        return [f"{trial.reason}, {after}."]
    scheduler = record.scheduler.scheduler if record.scheduler else "the scheduler"
    return [f"{scheduler} stopped it {after}: {trial.reason}."]


# What was missing.


def _needed(record: ExperimentRecord, trial: TrialRecord) -> list[str]:
    lines = [*_needed_to_continue(record, trial), *_needed_to_win(record, trial)]
    return lines or ["nothing, no other trial is better."]


def _needed_to_continue(record: ExperimentRecord, trial: TrialRecord) -> Iterator[str]:
    metric, mode = next(iter(record.objectives.items()))
    bound = "at least" if mode == "max" else "at most"
    arguments = record.scheduler.arguments if record.scheduler else {}
    if cut := _CUT.search(trial.reason):
        what = f"a forecast of {metric}" if cut["what"] else metric
        at = f"{arguments.get('time_attr', 'rung')} {cut['rung']}"
        yield f"to go on at {at}, {what} of {bound} {cut['cut']}; it had {cut['value']}."
    elif place := _PLACE.search(trial.reason):
        at = f"{arguments.get('time_attr', 'rung')} {place['rung']}"
        best = f"among the best 1/{arguments.get('reduction_factor', 'eta')}"
        yield (
            f"to go on at {at}, a place {best} of {place['count']}, or the best value of one "
            f"objective; it had place {place['place']}."
        )
    elif unlikely := _UNLIKELY.search(trial.reason):
        least = arguments.get("stop_below", "stop_below")
        yield f"to go on, a probability of {least} to end above trial {unlikely['rival']}."
    elif "out of memory" in trial.reason:
        yield "a smaller network: the search has proposed none as large since, if it knows costs."
    elif trial.status == "infeasible" and (limit := _LIMIT.search(trial.reason)):
        yield f"{limit['name']} within {limit['limits']}."
    elif trial.status == "error":
        yield "the trainable had to end without an error."


def _needed_to_win(record: ExperimentRecord, trial: TrialRecord) -> Iterator[str]:
    if len(record.objectives) > 1:
        yield from _dominating(record, trial)
        return
    metric, mode = next(iter(record.objectives.items()))
    ranked = record.ranked()
    if not ranked or ranked[0] is trial:
        return
    best = ranked[0]
    bound = "above" if mode == "max" else "below"
    value = best.metrics[metric]
    own = trial.metrics.get(metric, math.nan)
    gap = f", {abs(value - own):.6g} away" if math.isfinite(own) else ""
    yield f"to be the best, {metric} {bound} {value:.6g} of trial {best.trial_id}{gap}."


def _dominating(record: ExperimentRecord, trial: TrialRecord) -> Iterator[str]:
    """The trials that are at least as good in every objective, and better in one."""
    signs = {name: 1 if mode == "max" else -1 for name, mode in record.objectives.items()}

    def gains(other: TrialRecord) -> list[float]:
        nan = math.nan
        return [
            sign * (other.metrics.get(name, nan) - trial.metrics.get(name, nan))
            for name, sign in signs.items()
        ]

    better = [
        one.trial_id for one in record.ranked() if min(gains(one)) >= 0 and max(gains(one)) > 0
    ]
    if better:
        shown = ", ".join(better[:3])
        yield (
            f"to be on the Pareto front, it had to beat {_count(len(better), 'trial')} that "
            f"dominate it in at least one objective: {shown}."
        )


# Text.


def _values(record: ExperimentRecord, metrics: Mapping[str, float]) -> str:
    """The objectives in a report."""
    return ", ".join(f"{name} {metrics[name]:.6g}" for name in record.objectives if name in metrics)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
