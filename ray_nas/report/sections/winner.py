"""Section 1: the best network, what differs from the baseline, and how to use it."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from markupsafe import Markup

from ray_nas.record import TrialRecord
from ray_nas.report.analysis.search_results import ITERATION_KEY, SECONDS_KEY
from ray_nas.report.charts.scales import format_number, format_seconds
from ray_nas.report.experiment_data import ExperimentData, own_config
from ray_nas.report.explanation import explain
from ray_nas.retraining import Retraining
from ray_nas.spaces.model.model_space import ModelSpace

NO_SPACE = (
    "No drawing: the record holds configs, not networks. Pass the space that was searched, "
    "write_report(..., space=space) or ray-nas report EXPERIMENT --space MODULE:NAME."
)


@dataclass(frozen=True)
class ChoiceRow:
    """A choice of the winner beside the baseline's."""

    name: str
    value: str
    baseline: str
    """Empty if there is no baseline."""
    differs: bool


@dataclass(frozen=True)
class TrainingRow:
    """A network's trainings from scratch, as text."""

    name: str
    mean: str
    spread: str
    """The smallest and the largest value."""
    seeds: str
    failures: str


@dataclass(frozen=True)
class WinnerSection:
    """What the template needs."""

    trial: TrialRecord | None
    numbers: list[tuple[str, str]]
    choices: list[ChoiceRow]
    has_baseline: bool
    drawing: Markup | None
    baseline_drawing: Markup | None
    no_drawing: str
    code: str
    commands: str
    several: bool
    """Whether there are several objectives."""
    retrained: bool
    explanation: list[tuple[str, str]]
    """Titles and texts: why it was proposed, what was expected of it, why it ended."""
    trainings: list[TrainingRow]
    """The retraining's results; empty if there was none."""
    retrained_metric: str


def winner_section(data: ExperimentData) -> WinnerSection:
    """The winner of an experiment."""
    winner, baseline = data.winner, data.record.baseline
    if winner is None:
        return WinnerSection(None, [], [], False, None, None, "", "", "", False, False, [], [], "")
    other = baseline if baseline is not None and baseline is not winner else None
    drawing, reason = draw(data, winner, other)
    return WinnerSection(
        winner,
        _numbers(data, winner),
        _choices(winner.config, baseline.config if baseline else None),
        baseline is not None,
        drawing,
        draw(data, other)[0] if other is not None else None,
        reason,
        _code(data, winner),
        _commands(data),
        len(data.record.objectives) > 1,
        data.retraining is not None or winner.role == "retrain",
        _explanation(data, winner),
        _trainings(data.retraining) if data.retraining else [],
        (data.retraining.test_metric or data.retraining.metric) if data.retraining else "",
    )


def draw(
    data: ExperimentData, trial: TrialRecord, baseline: TrialRecord | None = None
) -> tuple[Markup | None, str]:
    """The drawing of a trial's network, or None and the reason why there is none.

    The drawing is SVG that `space.draw` made, in which all text is escaped. What differs from the
    baseline has a thick border.
    """
    if data.space is None:
        return None, NO_SPACE
    if not isinstance(data.space, ModelSpace):
        kind = type(data.space).__name__
        return None, f"No drawing: the space is a {kind}, and only a ModelSpace can draw."
    try:
        before = None if baseline is None else own_config(data.space, baseline)
        drawing = data.space.draw(own_config(data.space, trial), baseline=before)
        return Markup(drawing), ""
    except ImportError as error:
        return None, f"No drawing: {error}"


def _explanation(data: ExperimentData, winner: TrialRecord) -> list[tuple[str, str]]:
    """The lines of `explain` after the first, apart at their titles."""
    rows: list[tuple[str, str]] = []
    for line in explain(data.record, winner.trial_id).splitlines()[1:]:
        title, colon, rest = line.partition(": ")
        if line.startswith(" ") or not colon:
            before, text = rows.pop() if rows else ("", "")
            rows.append((before, f"{text}; {line.strip()}"))
        else:
            rows.append((title, rest))
    return rows


def _trainings(retraining: Retraining) -> list[TrainingRow]:
    """One row for the winner, one for the baseline, by the held-out metric if there is one."""
    metric = retraining.test_metric or retraining.metric
    rows = []
    for name in dict.fromkeys(one.trial for one in retraining.trials):
        runs = [one for one in retraining.trials if one.trial == name]
        values = [one.metrics[metric] for one in runs if metric in one.metrics and not one.reason]
        failed = [one.reason for one in runs if one.reason]
        rows.append(
            TrainingRow(
                name,
                format_number(sum(values) / len(values)) if values else "none",
                f"{format_number(min(values))} to {format_number(max(values))}" if values else "",
                ", ".join(str(one.seed) for one in runs),
                "; ".join(dict.fromkeys(failed)),
            )
        )
    return rows


def _numbers(data: ExperimentData, winner: TrialRecord) -> list[tuple[str, str]]:
    """Its last report: objectives, how long it trained, and up to six more."""
    found = [
        (f"{name}, last report", format_number(winner.metrics[name], 5))
        for name in data.record.objectives
        if name in winner.metrics
    ]
    if SECONDS_KEY in winner.metrics:
        found.append(("trained for", format_seconds(winner.metrics[SECONDS_KEY])))
    known = {*data.record.objectives, SECONDS_KEY, ITERATION_KEY}
    others = [name for name in winner.metrics if name not in known][:6]
    return found + [
        (f"{name}, last report", format_number(winner.metrics[name], 5)) for name in others
    ]


def _choices(config: dict[str, Any], baseline: dict[str, Any] | None) -> list[ChoiceRow]:
    names = [*config, *(name for name in baseline or {} if name not in config)]
    rows = [
        ChoiceRow(
            name,
            _text(config.get(name)),
            _text(baseline.get(name)) if baseline is not None else "",
            baseline is not None and config.get(name) != baseline.get(name),
        )
        for name in names
    ]
    return sorted(rows, key=lambda row: not row.differs)


def _text(value: Any) -> str:
    if value is None:
        return "not used"
    return format_number(value) if isinstance(value, float) else str(value)


def _code(data: ExperimentData, winner: TrialRecord) -> str:
    """Python that rebuilds the winner."""
    config = winner.config
    if data.space is not None:
        config = own_config(data.space, winner)
    module, _, name = data.details.get("space", "").rpartition(":")
    source = "from your_module import space  # the space that was searched"
    if module:
        source = f"from {Path(module).stem if module.endswith('.py') else module} import {name}"
    lines = "".join(f"    {key!r}: {value!r},\n" for key, value in config.items())
    return f"{source}\n\nconfig = {{\n{lines}}}\nnetwork = {name or 'space'}.build(config)"


def _commands(data: ExperimentData) -> str:
    """Shell commands that train and export the winner."""
    place = quote(data.place or "EXPERIMENT")
    space = f"--space {quote(data.details.get('space', 'MODULE:NAME'))}"
    return (
        f"ray-nas retrain {place} MODULE:TRAINABLE {space} --seeds 3\n"
        f"ray-nas export {place} {space} --example-inputs MODULE:NAME --format onnx "
        "--output winner.onnx"
    )
