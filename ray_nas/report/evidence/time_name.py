"""Finds the metric that counts the budget of a trial; the record does not name it."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from ray_nas.record import ExperimentRecord, TrialRecord

_CLOCKS: Final = ("time_total_s", "timestamp")
"""They rise as well, but no two trials report at the same time."""


def time_name(record: ExperimentRecord) -> str | None:
    """The metric that rises with every report of every trial, such as "epoch"; None without one.

    Of several, the one whose values most trials share; Tune's count of reports comes last.

    Example:
        >>> from ray_nas.record.events import ExperimentStarted, TrialProposed, TrialReported
        >>> record = ExperimentRecord()
        >>> record.apply(ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(TrialProposed("a", {}, "random", ()))
        >>> for epoch, loss in [(1, 0.9), (2, 0.5)]:
        ...     record.apply(TrialReported("a", {"loss": loss, "epoch": epoch}))
        >>> time_name(record)
        'epoch'
    """
    trials = [trial for trial in record.trials.values() if len(trial.reports) > 1]
    if not trials:
        return None
    names = set(trials[0].reports[0]) - set(record.objectives) - set(_CLOCKS)
    rising = [name for name in sorted(names) if all(_rises(trial, name) for trial in trials)]
    return min(rising, key=lambda name: _preference(trials, name), default=None)


def _rises(trial: TrialRecord, name: str) -> bool:
    """A report without the metric does not count; a retried trial may report a time again."""
    values = [report[name] for report in trial.reports if name in report]
    falls = sum(later <= earlier for earlier, later in pairwise(values))
    return len(values) > 1 and falls <= len(values) // 10


def _preference(trials: Iterable[TrialRecord], name: str) -> tuple[int, bool]:
    distinct = {report.get(name) for trial in trials for report in trial.reports}
    return len(distinct), name == "training_iteration"
