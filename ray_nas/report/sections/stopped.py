"""Section 7: the curves of stopped trials; what stopping saved, and whether it was safe."""

from dataclasses import dataclass
from typing import Final

from ray_nas.estimators.fidelity import Fidelity, fidelity_report
from ray_nas.report.analysis.stopping_costs import StoppedTrials, stopped_trials
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_share
from ray_nas.report.experiment_data import ExperimentData
from ray_nas.report.figures.curves_figure import curves_figure

_MAX_COMPARED: Final = 2_000
"""Finished trials of which ranks are compared; more take too long."""


@dataclass(frozen=True)
class StoppedSection:
    """What the template needs."""

    chart: Figure | None
    sentences: list[str]
    rungs: list[tuple[str, str, str]]
    """Budget, rank correlation with its interval, and number of trials."""
    time_attr: str
    missing: str


def stopped_section(data: ExperimentData) -> StoppedSection:
    """Early stopping in an experiment."""
    found = stopped_trials(data.results, time_attr=data.time_attr)
    if not found.finished:
        return StoppedSection(None, [], [], found.time_attr, "No trial has completed yet.")
    if found.full <= 1:
        missing = "Each trial reported once: there are no curves. Report after each epoch, and a "
        missing += "scheduler such as LearningCurveASHA can stop bad trials."
        return StoppedSection(None, [], [], found.time_attr, missing)
    chart = curves_figure(found)
    return StoppedSection(chart, _sentences(found), _rungs(data, found), found.time_attr, "")


def _sentences(found: StoppedTrials) -> list[str]:
    if not found.stopped:
        return [
            f"No trial ended early: all {len(found.finished):,} reached {found.time_attr} "
            f"{found.full:g}. A scheduler such as LearningCurveASHA would save part of that."
        ]
    share = found.saved / (found.saved + found.spent)
    sentences = [
        f"{len(found.stopped):,} of {len(found.stopped) + len(found.finished):,} trials ended "
        f"before {found.time_attr} {found.full:g}. That saved {format_share(share)} of the budget "
        "that training all of them in full would have cost."
    ]
    if found.compared:
        who = f"{found.ahead:,} of them were" if found.ahead else "None of them was"
        sentences.append(
            f"{who} ahead of the later winner at the budget at which they ended. Whether a trial "
            "that was behind would have overtaken it, nobody can see from a curve that ends; the "
            "rank correlation of short with full trainings tells how often that happens."
        )
    return sentences


def _rungs(data: ExperimentData, found: StoppedTrials) -> list[tuple[str, str, str]]:
    """How well short trainings rank like full ones, over the finished trials."""
    is_reported = found.time_attr == data.time_attr
    if not is_reported or not 4 <= len(found.finished) <= _MAX_COMPARED:
        return []
    rungs = sorted({float(found.full // 3**power) for power in (1, 2, 3)} - {0.0})
    report = fidelity_report(
        data.record, time_attr=data.time_attr, rungs=rungs or [1.0], max_t=found.full, seed=0
    )
    return [
        (f"{rung.time:g}", _interval(rung), f"{rung.trials:,}")
        for rung in report.rungs
        if rung.correlation == rung.correlation  # not NaN
    ]


def _interval(rung: Fidelity) -> str:
    return f"{rung.correlation:.2f} [{rung.low:.2f}, {rung.high:.2f}]"
