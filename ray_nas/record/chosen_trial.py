"""Picks a trial of a record by its id, or the best one."""

from pathlib import Path
from typing import Final

from ray_nas.record.experiment import ExperimentRecord, TrialRecord

BEST: Final = "best"
_LISTED: Final = 5


def chosen_trial(record: ExperimentRecord, trial: str, place: str | Path) -> TrialRecord:
    """The trial with an id, or the best.

    The best is the first of `record.ranked()`. If winners were trained from scratch after the
    search, it is the best of those.

    Args:
        record: The experiment's record.
        trial: The id, or "best".
        place: The experiment's folder, for error messages.

    Raises:
        ValueError: There is no such trial, or "best" is asked for and none has completed.

    Example:
        >>> from ray_nas.record.events import ExperimentStarted, TrialProposed
        >>> record = ExperimentRecord()
        >>> record.apply(ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(TrialProposed("a", {"depth": 2}, "random", ()))
        >>> chosen_trial(record, "a", "results/search").config
        {'depth': 2}
    """
    if trial != BEST:
        if trial in record.trials:
            return record.trials[trial]
        known = ", ".join(list(record.trials)[:_LISTED])
        raise ValueError(
            f"{place} has no trial {trial!r} among its {len(record.trials)} trials ({known}, ...): "
            f"give one of their ids (`ray-nas show {place}` lists them), or 'best'"
        )
    ranked = record.ranked()
    retrained = [one for one in ranked if one.role == "retrain"]
    if not ranked:
        raise ValueError(
            f"no trial of {place} has completed with a finite {next(iter(record.objectives))}: "
            "there is no best trial; give a trial's id"
        )
    return (retrained or ranked)[0]
