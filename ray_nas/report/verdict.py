"""The verdict, one sentence and four numbers: is the winner better, and is that more than luck?"""

import math
from dataclasses import dataclass

from ray_nas.record import ExperimentRecord
from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.comparison import (
    InSearch,
    Outcome,
    Retrained,
    in_search,
    judge_retraining,
    judge_search,
    retrained,
)
from ray_nas.report.evidence.wording import counted, number, percent
from ray_nas.retraining.results import Retraining


@dataclass(frozen=True)
class Verdict:
    """What a search came to, in plain text.

    Example:
        >>> Verdict("Not decidable: no trial completed.", []).numbers
        []
    """

    sentence: str
    """It begins with "Better", "No better", "Worse" or "Not decidable"."""
    numbers: list[tuple[str, str]]
    """Four pairs of label and value: gain, winner, more than noise, cost."""


def verdict(record: ExperimentRecord, retraining: Retraining | None = None) -> Verdict:
    """Whether the winner is better than the baseline; without one, than the random trials.

    The best of many noisy results looks better than it is. After retraining, the sentence rests on
    the new seeds alone. Before, it rests on an estimate that is shrunk towards what the winner's
    choices are worth in the other trials. "Better" and "Worse" mean that the 95 % interval of the
    difference lies on one side of 0.

    Args:
        record: The experiment.
        retraining: Its winner and its baseline, trained again; None if they were not.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> for number, loss in enumerate([0.5, 0.2]):
        ...     config = searcher.suggest(str(number))
        ...     searcher.on_trial_complete(str(number), {"loss": loss})
        >>> print(verdict(searcher.ledger.record).sentence)
        Not decidable: 2 full trainings are too few to tell luck from choices.
    """
    evidence = Evidence(record, retraining)
    searched = in_search(evidence)
    found = _found(evidence, searched)
    sentence = found.sentence
    if len(record.objectives) > 1:
        count = len(record.objectives)
        sentence += f" (By {evidence.metric} alone, the first of {count} objectives.)"
    return Verdict(sentence, [*found.numbers, ("cost", _cost(evidence))])


def _found(evidence: Evidence, searched: InSearch | str) -> Verdict:
    """The verdict without its cost."""
    if evidence.winner is not None and evidence.winner is evidence.record.baseline:
        sentence = "No better: no trial had a better result than the baseline."
        return Verdict(sentence, _unknown(evidence))
    again = None if evidence.retraining is None else retrained(evidence.retraining)
    if isinstance(again, Retrained):
        return _after(again, searched)
    why = again or searched
    return (
        Verdict(f"Not decidable: {why}.", _unknown(evidence))
        if isinstance(why, str)
        else (_before(evidence, why))
    )


def _after(again: Retrained, searched: InSearch | str) -> Verdict:
    """What retraining shows."""
    seen = searched.seen if isinstance(searched, InSearch) else math.inf
    outcome = judge_retraining(again, searched)
    seeds, data = counted(again.seeds[0], "new seed"), "held-out test data"
    if not again.is_held_out:
        data = "the validation data that guided the search"
    told = f"the winner gains {again.gain.signed} {again.metric} on the baseline"
    promised = f"; the search had promised {seen:+.3g}" if math.isfinite(seen) else ""
    sentence = f"{_word(outcome)}: trained again with {seeds}, {told}, on {data}{promised}."
    if outcome == "not decidable":
        sentence += " Retrain with more seeds."
    return Verdict(
        sentence,
        [
            ("gain over the baseline", again.gain.signed),
            (f"winner's {again.metric}", str(again.winner)),
            ("chance that it is no better", f"p = {again.p_value:.2g}"),
        ],
    )


def _before(evidence: Evidence, found: InSearch) -> Verdict:
    """What the search alone shows."""
    gain = found.corrected.gain
    word = _word(judge_search(found))
    ahead = f"ahead of {found.reference} by {found.seen:+.3g} {found.metric}"
    sentence = (
        f"{word}: in the search the winner was {ahead}; allowing for its luck as "
        f"the best of {found.trials}, by {gain.signed}. Retrain both to be sure."
    )
    return Verdict(
        sentence,
        [
            (f"gain over {found.reference}", gain.signed),
            (f"winner's {evidence.metric}", f"{_best(evidence)} (one training)"),
            ("probability of being better", percent(found.corrected.probability)),
        ],
    )


def _word(outcome: Outcome) -> str:
    """The sentence's first words."""
    return outcome.capitalize()


def _unknown(evidence: Evidence) -> list[tuple[str, str]]:
    reference = "the random trials" if evidence.record.baseline is None else "the baseline"
    return [
        (f"gain over {reference}", "unknown"),
        (f"winner's {evidence.metric}", _best(evidence)),
        ("more than noise", "unknown"),
    ]


def _best(evidence: Evidence) -> str:
    winner = evidence.winner
    return "none" if winner is None else number(winner.metrics.get(evidence.metric, math.nan))


def _cost(evidence: Evidence) -> str:
    """Trials, budget and time, retrainings apart."""
    trials = list(evidence.record.trials.values())
    parts = [counted(len(trials), "trial")]
    if evidence.time is not None and evidence.full_time:
        paid = sum(
            max((report.get(evidence.time, 0.0) for report in trial.reports), default=0.0)
            for trial in trials
        )
        whole = paid / evidence.full_time
        parts.append(f"{evidence.time} {number(paid)} in all ({whole:.0f} full trainings)")
    seconds = sum(trial.metrics.get("time_total_s", 0.0) for trial in trials)
    if seconds > 0:
        parts.append(f"{seconds / 3600:.2g} trial hours")
    if evidence.retraining is not None:
        parts.append(counted(len(evidence.retraining.trials), "retraining"))
    return ", ".join(parts)
