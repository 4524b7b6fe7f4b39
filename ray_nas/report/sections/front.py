"""Section 4: the Pareto front, with drawings of its networks."""

from dataclasses import dataclass
from itertools import combinations

from markupsafe import Markup

from ray_nas.report.analysis.front_members import Front, front_of
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.figures.front_figure import front_figure
from ray_nas.report.sections.winner import draw

_MAX_ROWS = 40
_MAX_DRAWINGS = 12
_MAX_CHARTS = 6


@dataclass(frozen=True)
class Member:
    """A trial of the front."""

    name: str
    values: list[str]
    differs: str
    """Its choices that differ from the front's first trial."""
    drawing: Markup | None


@dataclass(frozen=True)
class FrontSection:
    """What the template needs."""

    charts: list[tuple[str, Figure]]
    """Name of the tab, and the chart."""
    objectives: list[str]
    members: list[Member]
    size: int
    missing: str


def front_section(data: ExperimentData) -> FrontSection:
    """The front of an experiment with several objectives."""
    names = list(data.record.objectives)
    if len(names) < 2:
        return FrontSection(
            [],
            names,
            [],
            0,
            f"One objective, {names[0]}: there is nothing to trade off. To search for a front, "
            "give the searcher several: "
            f'objectives={{"{names[0]}": "{data.mode}", "latency_ms": "min"}}.',
        )
    front = front_of(data.record)
    if not front.members:
        return FrontSection([], names, [], 0, "No trial has reported all objectives yet.")
    pairs = list(combinations(names, 2))[:_MAX_CHARTS]
    charts = []
    for y, x in pairs:
        name = f"{y} / {x}"
        charts.append((name, front_figure(front, data.record, x, y, close_up=False)))
        charts.append((f"{name}, close-up", front_figure(front, data.record, x, y, close_up=True)))
    return FrontSection(charts, names, _members(data, front), len(front.members), "")


def _members(data: ExperimentData, front: Front) -> list[Member]:
    members = []
    first = front.trials[front.members[0]]
    for number, index in enumerate(front.members[:_MAX_ROWS]):
        trial = front.trials[index]
        changed = [
            f"{name}={value}"
            for name, value in trial.config.items()
            if first.config.get(name) != value
        ]
        drawing = draw(data, trial)[0] if number < _MAX_DRAWINGS else None
        values = [format_number(value) for value in front.values[index].tolist()]
        members.append(Member(trial.trial_id, values, ", ".join(changed), drawing))
    return members
