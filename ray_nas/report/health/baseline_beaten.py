"""Is the baseline beaten after retraining? Before that, the winner has the luck of the best."""

from typing import Final

from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.comparison import (
    InSearch,
    Retrained,
    in_search,
    judge_retraining,
    retrained,
)
from ray_nas.report.evidence.wording import counted, percent
from ray_nas.report.health.check import HealthCheck

NAME: Final = "baseline beaten after retraining"
_COMMAND: Final = "ray-nas retrain EXPERIMENT MODULE:TRAINABLE --space MODULE:SPACE --seeds"
_RETRAIN: Final = f"Train the winner and the baseline again: {_COMMAND} 3"
_SEEDS: Final = f"Retrain both with more seeds: {_COMMAND} 6"
_LONGER: Final = "Keep the baseline, retrain with more seeds, or search longer or in another space."


def check(evidence: Evidence) -> HealthCheck:
    """Warns if the winner is worse after retraining, or its gain closer to 0 than was expected."""
    if evidence.record.baseline is None:
        remedy = "Give the searcher baseline=, the config of the network to beat."
        return HealthCheck(NAME, "missing", "The search had no baseline.", remedy)
    if evidence.retraining is None:
        return HealthCheck(NAME, "missing", _before(in_search(evidence)), _RETRAIN)
    if evidence.winner is evidence.record.baseline:
        return HealthCheck(NAME, "warn", "No trial was better than the baseline.", _LONGER)
    found = retrained(evidence.retraining)
    if isinstance(found, str):
        return HealthCheck(NAME, "missing", f"Nothing to compare: {found}.", _RETRAIN)
    outcome = judge_retraining(found, in_search(evidence))
    if outcome == "better":
        return HealthCheck(NAME, "pass", f"Yes. {_after(found)}")
    if outcome == "not decidable":
        return HealthCheck(NAME, "missing", f"Not decided. {_after(found)}", _SEEDS)
    return HealthCheck(NAME, "warn", f"No: {outcome}. {_after(found)}", _LONGER)


def _before(found: InSearch | str) -> str:
    if isinstance(found, str):
        return f"Not retrained, and the search alone does not tell: {found}."
    return (
        f"Not retrained. In the search the winner was ahead by {found.seen:+.3g} {found.metric}; "
        f"allowing for its luck, by {found.corrected.gain.signed}, with probability "
        f"{percent(found.corrected.probability)} of being better."
    )


def _after(found: Retrained) -> str:
    winner, baseline = found.seeds
    return (
        f"The gain in {found.metric} is {found.gain.signed} (95 % interval, "
        f"{counted(winner, 'seed')} of the winner, {baseline} of the baseline)."
    )
