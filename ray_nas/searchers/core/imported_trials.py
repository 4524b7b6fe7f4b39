"""How trials of an earlier experiment stand in the record of a new one."""

from typing import Any

from ray_nas.record.earlier_trials import EarlierTrial
from ray_nas.tune_internals.result_keys import reported_numbers


def imported_row(trial: EarlierTrial) -> dict[str, Any]:
    """A trial of an earlier experiment, as in `TrialsImported`.

    Example:
        >>> imported_row(EarlierTrial({"depth": 2}, [{"loss": 0.9}, {"loss": 0.5}], True))
        {'config': {'depth': 2}, 'metrics': {'loss': 0.5}, 'reports': [{'loss': 0.9}]}
    """
    reports = [reported_numbers(report) for report in trial.reports]
    row: dict[str, Any] = {"config": trial.config, "metrics": {}}
    if trial.usable and reports:
        row["metrics"] = reports.pop()
    if reports:
        row["reports"] = reports
    if not trial.usable:
        row["usable"] = False
    return row
