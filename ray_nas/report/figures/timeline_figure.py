"""Trials on workers over time."""

from collections.abc import Mapping
from typing import Final

from ray_nas.record import ExperimentRecord
from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.analysis.workers import WorkerTime, how_it_ended, worker_time
from ray_nas.report.charts.figure import Figure
from ray_nas.report.charts.plot import Plot
from ray_nas.report.charts.scales import format_seconds
from ray_nas.report.trial_times import TrialTime

_MAX_BARS: Final = 400
"""Above this, only the number of running trials is drawn."""
_MAX_WORKERS: Final = 40
_HUES: Final = {"ran to its end": "c1", "ended early": "c3", "did not finish": "grey"}


def timeline(record: ExperimentRecord, times: Mapping[str, TrialTime]) -> Figure:
    """Which trial ran when on which worker; the number of running trials if there are many.

    Args:
        record: The experiment.
        times: When its trials ran, by trial id.

    Raises:
        ValueError: `times` is empty.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"loss": 0.5})
        >>> times = {"a": TrialTime("a", 0.0, 60.0, "node", 1)}
        >>> timeline(searcher.ledger.record, times).title
        'Trials on workers.'
    """
    found = worker_time(times.values())
    if found is None:
        raise ValueError("times must not be empty")
    if len(found.bars) > _MAX_BARS or found.workers > _MAX_WORKERS:
        caption = f"The average of each moment; at most {found.workers:,} ran at a time."
        return Figure("Running trials.", caption, lambda width: _draw_running(found, width))
    caption = f"{found.workers:,} workers; a gap is a worker without a trial."
    return Figure("Trials on workers.", caption, lambda width: _draw_bars(record, found, width))


def _draw_bars(record: ExperimentRecord, found: WorkerTime, width: int) -> str:
    row = 22 if found.workers < 12 else 12
    unit, size = _unit(found.end - found.start)
    plot = Plot(
        width,
        row * found.workers + 66,
        (0.0, (found.end - found.start) / size or 1.0),
        (0.0, float(found.workers)),
        f"{unit} since the first trial",
        "workers",
        "Trials on workers over time",
        left=12,
        numbered_y=False,
    )
    longest = max((len(one.reports) for one in search_results(record).trials), default=0)
    for bar in found.bars:
        trial = record.trials.get(bar.time.trial_id)
        end = how_it_ended(trial, longest) if trial else "not in the record"
        start = (bar.time.start - found.start) / size
        stop = (bar.time.end - found.start) / size
        tip = f"{bar.time.trial_id}: {end}, {format_seconds(bar.time.end - bar.time.start)}"
        plot.box(
            (start, max(stop, start)),
            (bar.worker + 0.12, bar.worker + 0.88),
            f"fill bar {_HUES.get(end, 'c2')}",
            tip,
            trial=bar.time.trial_id,
        )
    plot.legend(
        [
            ("c1 bold", "ran to its end"),
            ("c3 bold", "ended early"),
            ("c2 bold", "failed"),
            ("grey bold", "did not finish"),
        ]
    )
    return plot.svg()


def _draw_running(found: WorkerTime, width: int) -> str:
    unit, size = _unit(found.end - found.start)
    edges, running = found.running(min(240, width // 3))
    plot = Plot(
        width,
        240,
        (0.0, (found.end - found.start) / size or 1.0),
        (0.0, found.workers * 1.05),
        f"{unit} since the first trial",
        "running trials",
        "Running trials over time",
    )
    for index, number in enumerate(running.tolist()):
        x = (edges[index] - found.start) / size, (edges[index + 1] - found.start) / size
        plot.box(x, (0.0, number), "fill c1", f"{number:.1f} trials")
    return plot.svg()


def _unit(seconds: float) -> tuple[str, float]:
    for name, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds > 3 * size:
            return name, size
    return "seconds", 1.0
