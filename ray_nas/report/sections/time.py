"""Section 8: where the hours went."""

from dataclasses import dataclass

from ray_nas.report import figures
from ray_nas.report.analysis.search_results import SECONDS
from ray_nas.report.analysis.workers import WorkerTime, time_by_end, worker_time
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.scales import format_number, format_seconds, format_share
from ray_nas.report.experiment_data import ExperimentData


@dataclass(frozen=True)
class EndRow:
    """The trials that ended in one way, as text."""

    end: str
    trials: str
    cost: str
    share: str
    reasons: list[str]


@dataclass(frozen=True)
class TimeSection:
    """What the template needs."""

    chart: Figure | None
    sentences: list[str]
    ends: list[EndRow]
    unit: str
    missing: list[str]


def time_section(data: ExperimentData) -> TimeSection:
    """Workers, idle time, and the cost of each way to end."""
    times = {name: time for name, time in data.times.trials.items() if name in data.record.trials}
    found = worker_time(times.values())
    ends, unit = _ends(data)
    missing = [f"When trials ran: {data.times.missing}."] if data.times.missing else []
    missing.append(
        "Memory: Tune does not record how much a trial used; trials that ran out of it are counted "
        "by their reason above."
    )
    return TimeSection(
        figures.timeline(data.record, times) if found else None,
        _sentences(found) if found else [],
        ends,
        unit,
        missing,
    )


def _sentences(found: WorkerTime) -> list[str]:
    nodes = len({bar.time.node for bar in found.bars})
    passed = format_seconds(found.end - found.start)
    return [
        f"From the first trial's start to the last report {passed} passed, on {nodes} "
        f"node{'s'[: nodes - 1]}, with at most {found.workers:,} trials at a time. Trials ran for "
        f"{format_seconds(found.busy)} together; workers stood idle for "
        f"{format_share(found.idle)} of the time. Starting a trial's process counts as idle."
    ]


def _ends(data: ExperimentData) -> tuple[list[EndRow], str]:
    found, unit = time_by_end(data.results)
    total = sum(one.cost for one in found) or 1.0
    rows = [
        EndRow(
            one.end,
            f"{one.trials:,}",
            format_seconds(one.cost) if unit == SECONDS else format_number(one.cost),
            format_share(one.cost / total),
            [
                f"{count:,} × {reason}" if count == 1 else f"{count:,} × such as: {reason}"
                for reason, count in one.reasons
            ],
        )
        for one in found
    ]
    return rows, unit
