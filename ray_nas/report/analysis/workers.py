"""Where the hours went: trials on workers, idle workers, and the time of each way to end."""

import heapq
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.record import TrialRecord
from ray_nas.report.analysis.search_results import SearchResults
from ray_nas.report.trial_times import TrialTime

_OVERLAP: Final = 0.5
"""Tune writes whole seconds, so that trials one after the other seem to overlap by so much."""


@dataclass(frozen=True)
class Bar:
    """A trial on a worker."""

    time: TrialTime
    worker: int
    """From 0; trials on one worker do not overlap."""


@dataclass(frozen=True)
class WorkerTime:
    """The trials of an experiment on its workers; made by `worker_time`."""

    bars: list[Bar]
    """By start."""
    workers: int
    """The largest number of trials at a time."""
    start: float
    """Seconds since 1970."""
    end: float
    busy: float
    """Seconds of all trials together."""

    @property
    def idle(self) -> float:
        """The share of the workers' time in which they ran no trial, in [0, 1]."""
        whole = self.workers * (self.end - self.start)
        return max(0.0, 1.0 - self.busy / whole) if whole > 0 else 0.0

    def running(self, points: int = 240) -> tuple[Array, Array]:
        """How many trials ran on average in each part of the time.

        Args:
            points: The number of parts.

        Returns:
            The parts' edges, shape (points + 1,), and the averages, shape (points,).
        """
        edges = np.linspace(self.start, max(self.end, self.start + 1e-9), points + 1)
        starts = np.sort([bar.time.start for bar in self.bars])
        ends = np.sort([bar.time.end for bar in self.bars])
        done = _total_after(edges, starts) - _total_after(edges, ends)
        return edges, np.diff(done) / np.diff(edges)


def worker_time(times: Iterable[TrialTime]) -> WorkerTime | None:
    """Places trials on workers: each on the first worker of its node that is free.

    Args:
        times: When the trials ran.

    Returns:
        None if there are no trials.

    Example:
        >>> times = [TrialTime(str(n), start=n, end=n + 2, node="a", process=n) for n in range(3)]
        >>> found = worker_time(times)
        >>> found.workers, found.idle
        (2, 0.25)
    """
    ordered = sorted(times, key=lambda time: (time.start, time.end))
    if not ordered:
        return None
    free: dict[str, list[tuple[float, int]]] = {}
    workers = 0
    bars = []
    for time in ordered:
        heap = free.setdefault(time.node, [])
        if heap and heap[0][0] <= time.start + _OVERLAP:
            _, worker = heapq.heappop(heap)
        else:
            worker, workers = workers, workers + 1
        heapq.heappush(heap, (time.end, worker))
        bars.append(Bar(time, worker))
    return WorkerTime(
        bars,
        workers,
        ordered[0].start,
        max(time.end for time in ordered),
        sum(max(time.end - time.start, 0.0) for time in ordered),
    )


@dataclass(frozen=True)
class TimeOfEnd:
    """The trials that ended in one way."""

    end: str
    """"ran to its end", "ended early", "failed", ..."""
    trials: int
    cost: float
    """In the record's unit of cost."""
    reasons: list[tuple[str, int]]
    """The most frequent reasons and their counts; reasons that differ in numbers count together,
    under the first of them."""


def time_by_end(results: SearchResults) -> tuple[list[TimeOfEnd], str]:
    """What trials cost by how they ended, the costliest first, and the unit of cost.

    Args:
        results: The trials.

    Example:
        >>> from ray_nas.record import ExperimentRecord, events
        >>> from ray_nas.report.analysis.search_results import search_results
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(events.TrialProposed("a", {"depth": 2}, "random", ()))
        >>> record.apply(events.TrialReported("a", {"loss": 0.5}))
        >>> record.apply(events.TrialEnded("a", "completed"))
        >>> ends, unit = time_by_end(search_results(record))
        >>> ends[0].end, ends[0].cost, unit
        ('ran to its end', 1.0, 'reports')
    """
    longest = max((len(trial.reports) for trial in results.trials), default=0)
    groups: dict[str, list[int]] = {}
    for index, trial in enumerate(results.trials):
        groups.setdefault(how_it_ended(trial, longest), []).append(index)
    found = [
        TimeOfEnd(
            end,
            len(indices),
            float(results.costs[indices].sum()),
            _frequent([results.trials[index].reason for index in indices]),
        )
        for end, indices in groups.items()
    ]
    return sorted(found, key=lambda one: -one.cost), results.cost_unit


def how_it_ended(trial: TrialRecord, longest: int) -> str:
    """How a trial ended, in a few words.

    Args:
        trial: The trial.
        longest: The most reports of any trial.

    Example:
        >>> how_it_ended(TrialRecord("a", {}, "random", (), status="error"), 1)
        'failed'
    """
    if trial.status == "completed":
        is_short = bool(trial.reason) or len(trial.reports) < longest
        return "ended early" if is_short else "ran to its end"
    names: Mapping[str, str] = {"error": "failed", "unfinished": "did not finish"}
    return names.get(trial.status, trial.status)


def _frequent(reasons: Iterable[str], number: int = 3) -> list[tuple[str, int]]:
    found: dict[str, list[str]] = {}
    for reason in reasons:
        if reason:
            found.setdefault(_without_numbers(reason), []).append(reason)
    groups = sorted(found.values(), key=len, reverse=True)[:number]
    return [(group[0], len(group)) for group in groups]


def _without_numbers(text: str) -> str:
    return re.sub(r"-?\d[\d.,e+-]*", "0", text)


def _total_after(edges: Array, moments: Array) -> Array:
    """For each edge, the sum of the times that have passed since the moments before it."""
    count = np.searchsorted(moments, edges)
    sums = np.append(0.0, np.cumsum(moments))
    return np.asarray(count * edges - sums[count])
