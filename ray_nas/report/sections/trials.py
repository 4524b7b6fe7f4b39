"""Section 9: the table of trials."""

from dataclasses import dataclass
from typing import Any, Final

from ray_nas.record import TrialRecord
from ray_nas.report.charts.scales import format_number
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.trial_columns import TrialColumns, trial_columns

_SHOWN: Final = 20


@dataclass(frozen=True)
class TrialsSection:
    """What the template needs."""

    columns: TrialColumns
    objectives: list[str]
    best: list[tuple[str, list[str], str]]
    """Name, values and choices of the best trials: what is seen without JavaScript."""
    constant: str
    """The choices that are the same in all trials."""


def trials_section(data: ExperimentData) -> TrialsSection:
    """All trials."""
    objectives = list(data.record.objectives)
    constant = _constant([trial.config for trial in data.record.trials.values()])
    best = [
        (trial.trial_id, [_value(trial, name) for name in objectives], _choices(trial, constant))
        for trial in data.record.ranked()[:_SHOWN]
    ]
    same = ", ".join(f"{name}={value}" for name, value in constant.items())
    return TrialsSection(trial_columns(data.record), objectives, best, same)


def _constant(configs: list[dict[str, Any]]) -> dict[str, Any]:
    """What all configs agree on."""
    if len(configs) < 2:
        return {}
    return {
        name: value
        for name, value in configs[0].items()
        if all(config.get(name) == value for config in configs)
    }


def _value(trial: TrialRecord, name: str) -> str:
    return format_number(trial.metrics[name]) if name in trial.metrics else ""


def _choices(trial: TrialRecord, constant: dict[str, Any]) -> str:
    pairs = [(name, value) for name, value in trial.config.items() if name not in constant]
    return ", ".join(
        f"{name}={format_number(value) if isinstance(value, float) else value}"
        for name, value in pairs
    )
