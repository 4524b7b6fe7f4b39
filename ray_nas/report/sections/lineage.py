"""Section 6: which changes made the winner good."""

import math
from dataclasses import dataclass
from typing import Final

from ray_nas.report.analysis.ancestry import Step, main_line
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.figures.lineage_figure import lineage_figure

_MAX_STEPS: Final = 30


@dataclass(frozen=True)
class StepRow:
    """A step of the line, as text."""

    name: str
    move: str
    parents: str
    changes: list[str]
    value: str
    gain: str
    kind: str
    """"better", "worse" or ""."""
    origin: str
    """Shown if no parameter changed."""


@dataclass(frozen=True)
class LineageSection:
    """What the template needs."""

    chart: Figure | None
    rows: list[StepRow]
    left_out: int
    """Steps before the first row."""
    metric: str
    missing: str


def lineage_section(data: ExperimentData) -> LineageSection:
    """The line of parents that leads to the winner."""
    winner = data.winner
    if winner is None:
        return LineageSection(None, [], 0, data.metric, "No trial has completed yet.")
    line = main_line(data.record, winner.trial_id)
    if len(line) < 2:
        return LineageSection(None, [], 0, data.metric, _why_alone(data, winner.move))
    rows = [_row(step) for step in line]
    left_out = max(len(rows) - _MAX_STEPS, 0)
    chart = lineage_figure(data.results, winner.trial_id)
    return LineageSection(chart, rows[left_out:], left_out, data.metric, "")


def _why_alone(data: ExperimentData, move: str) -> str:
    if not any(trial.parents for trial in data.record.trials.values()):
        started = data.record.started
        name = started.searcher if started else "the searcher"
        return f"No config was made from another one by {name}: there is no lineage yet."
    return f"The winner has no parents: its config came from the move {move!r}."


def _row(step: Step) -> StepRow:
    gain = "" if math.isnan(step.gain) else f"{step.gain:+.3g}"
    kind = "" if math.isnan(step.gain) or step.gain == 0 else "better"
    return StepRow(
        step.trial.trial_id,
        step.trial.move,
        ", ".join(step.trial.parents[1:]),
        [f"{one.name}: {_text(one.before)} → {_text(one.after)}" for one in step.changes],
        format_number(step.value),
        gain,
        "worse" if step.gain < 0 else kind,
        "no change" if step.trial.parents else "the first of the line",
    )


def _text(value: object) -> str:
    if value is None:
        return "not used"
    return format_number(value) if isinstance(value, float) else str(value)
