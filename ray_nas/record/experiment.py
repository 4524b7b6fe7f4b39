"""The trials of an experiment, added up from its events; the one place where events are reduced."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ray_nas import notebook_html
from ray_nas.record import files, seal
from ray_nas.record.events import (
    CandidatesScored,
    Event,
    ExperimentStarted,
    Metrics,
    Role,
    SchedulerStarted,
    ScoresAudited,
    Status,
    TrialEnded,
    TrialProposed,
    TrialReported,
    TrialRestarted,
    TrialResumed,
    TrialsImported,
    UnknownEvent,
    WeightsInherited,
    decode,
)

Curve: TypeAlias = list[tuple[float, float]]
"""(time, value), in rising order of time."""


class RecordError(ValueError):
    """A record that cannot be read as it was written."""


@dataclass
class TrialRecord:
    """One trial of an experiment.

    Example:
        >>> trial = TrialRecord("a", {"depth": 2}, "random", ())
        >>> trial.reports += [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}]
        >>> trial.metrics["loss"], trial.curve("epoch", "loss")
        (0.5, [(1, 0.9), (2, 0.5)])
    """

    trial_id: str
    """The id under which it was proposed; after `load`, Tune's id, which is another one if Tune
    restarted it after a failure."""
    config: dict[str, Any]
    """The searched parameters, flat, named as in the space."""
    move: str
    """What made the config: "baseline", "random", "mutation", "crossover", "given", ..."""
    parents: tuple[str, ...]
    """The ids of the trials that it was made from."""
    role: Role = "search"
    """"search", or "retrain" for a winner that is trained from scratch."""
    reports: list[Metrics] = field(default_factory=list)
    """The metrics of each report, in order."""
    status: Status = "unfinished"
    """"completed", "error", "infeasible" or "unfinished"."""
    reason: str = ""
    """Why it ended; empty if it ran to its end."""
    inheritance: str = ""
    """What it kept of its parent's weights: "preserved" (the function too), "partial", "fresh"."""
    expected: dict[str, Any] | None = None
    """What the searcher predicted of it, as in `TrialProposed`."""
    parent_reports: tuple[int, ...] = ()
    """How many reports each parent had when it was proposed."""
    restarted_as: str = ""
    """The id of its second run, if Tune restarted it after a failure."""

    @property
    def metrics(self) -> Metrics:
        """The last report; empty if there was none."""
        return self.reports[-1] if self.reports else {}

    def _repr_html_(self) -> str:
        """Its config and its last report, in Jupyter."""
        return notebook_html.facts(
            f"trial {self.trial_id}",
            {
                "config": _choices(self.config),
                "move": self.move,
                "parents": ", ".join(self.parents) or None,
                "ended": f"{self.status}: {self.reason}" if self.reason else self.status,
                "last report": ", ".join(f"{k}={v:.6g}" for k, v in self.metrics.items()) or "none",
            },
        )

    def curve(self, time_attr: str, metric: str) -> Curve:
        """A metric over time; a time that was reported twice keeps its last value.

        Args:
            time_attr: Name of the metric that says how far the trial has come.
            metric: Name of the metric.
        """
        points = {
            report[time_attr]: report[metric]
            for report in self.reports
            if time_attr in report and metric in report
        }
        return sorted(points.items())


class ExperimentRecord:
    """The trials of an experiment, in the order of their proposals.

    Args:
        keep_reports: Whether to keep every report of a trial; else only the last.

    Example:
        >>> record = ExperimentRecord()
        >>> record.apply(ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(TrialProposed("a", {"depth": 2}, "random", ()))
        >>> record.apply(TrialReported("a", {"loss": 0.5}))
        >>> record.apply(TrialEnded("a", "completed"))
        >>> [trial.metrics for trial in record.ranked()]
        [{'loss': 0.5}]
    """

    def __init__(self, *, keep_reports: bool = True) -> None:
        self.started: ExperimentStarted | None = None
        """The searcher, the space's fingerprint, the objectives and the seed."""
        self.scheduler: SchedulerStarted | None = None
        """The scheduler; None if no scheduler was seen."""
        self.trials: dict[str, TrialRecord] = {}
        """Trial id to trial."""
        self.imported: dict[str, TrialRecord] = {}
        """Trials of earlier experiments that the search started from."""
        self.scored: CandidatesScored | None = None
        """Candidates that were scored before the first trial."""
        self.audits: list[ScoresAudited] = []
        """How well their scores agreed with the results, measured during the search."""
        self._keep_reports = keep_reports

    def apply(self, event: Event | UnknownEvent) -> None:
        """Adds an event.

        Raises:
            RecordError: It is about a trial that was never proposed.
        """
        match event:
            case TrialReported():
                self._add_report(self._trial(event), event.metrics)
            case TrialProposed():
                self.trials[event.trial] = TrialRecord(
                    event.trial,
                    event.config,
                    event.move,
                    event.parents,
                    event.role,
                    expected=event.expected,
                    parent_reports=tuple(map(self._report_count, event.parents)),
                )
            case TrialEnded():
                trial = self._trial(event)
                trial.status = event.status
                trial.reason = event.reason
            case TrialResumed():
                trial = self._trial(event)
                trial.status = "unfinished"
                trial.reason = ""
            case TrialRestarted():
                old = self._trial(event)
                self.trials[event.trial] = TrialRecord(
                    old.trial_id,
                    old.config,
                    old.move,
                    old.parents,
                    old.role,
                    expected=old.expected,
                    parent_reports=old.parent_reports,
                    restarted_as=event.new_id,
                )
            case WeightsInherited():
                self._trial(event).inheritance = event.how
            case TrialsImported():
                for trial_id, imported in event.trials.items():
                    trial = TrialRecord(trial_id, imported["config"], "earlier", ())
                    trial.reports.append(imported["metrics"])
                    self.imported[trial_id] = trial
            case CandidatesScored():
                self.scored = event
            case ScoresAudited():
                self.audits.append(event)
            case ExperimentStarted():
                self.started = event
            case SchedulerStarted():
                self.scheduler = event

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max"; empty before the experiment has started."""
        return dict(self.started.objectives) if self.started else {}

    @property
    def baseline(self) -> TrialRecord | None:
        """The trial of the network that the search is compared with; None if there is none."""
        trials = (trial for trial in self.trials.values() if trial.move == "baseline")
        return next(trials, None)

    def ranked(self) -> list[TrialRecord]:
        """The completed trials whose first objective is finite, best first by it."""
        if self.started is None:
            return []
        metric, mode = next(iter(self.objectives.items()))
        usable = [
            trial
            for trial in self.trials.values()
            if trial.status == "completed" and math.isfinite(trial.metrics.get(metric, math.nan))
        ]
        return sorted(usable, key=lambda trial: trial.metrics[metric], reverse=mode == "max")

    def lineage(self, trial_id: str) -> list[TrialRecord]:
        """A trial and its ancestors, youngest first, each once."""
        found: dict[str, TrialRecord] = {}
        queue = [trial_id]
        while queue:
            trial = self.trials.get(queue.pop(0))
            if trial is not None and trial.trial_id not in found:
                found[trial.trial_id] = trial
                queue += trial.parents
        return list(found.values())

    def counts(self) -> dict[str, int]:
        """How many trials ended in which way, by status."""
        found: dict[str, int] = {}
        for trial in self.trials.values():
            found[trial.status] = found.get(trial.status, 0) + 1
        return found

    def _repr_html_(self) -> str:
        """The best trials, in Jupyter."""
        objectives = self.objectives
        rows = [
            (
                trial.trial_id,
                *(f"{trial.metrics.get(name, math.nan):.6g}" for name in objectives),
                trial.move,
                _choices(trial.config),
            )
            for trial in self.ranked()[:10]
        ]
        ends = ", ".join(f"{count} {status}" for status, count in self.counts().items())
        searcher = self.started.searcher if self.started else "experiment not started"
        header = ("trial", *objectives, "move", "choices")
        return notebook_html.table(f"{searcher}: {ends or 'no trials'}", header, rows)

    def use_restarted_ids(self) -> None:
        """Renames restarted trials to the ids of their second runs, as Tune has them."""
        ids = {name: trial.restarted_as or name for name, trial in self.trials.items()}
        for trial in self.trials.values():
            trial.trial_id = ids[trial.trial_id]
            trial.parents = tuple(ids.get(parent, parent) for parent in trial.parents)
        self.trials = {trial.trial_id: trial for trial in self.trials.values()}

    def _report_count(self, trial_id: str) -> int:
        trial = self.trials.get(trial_id) or self.imported.get(trial_id)
        return 0 if trial is None else len(trial.reports)

    def _trial(self, event: Any) -> TrialRecord:
        trial = self.trials.get(event.trial)
        if trial is None:
            raise RecordError(
                f"the {event.kind} of trial {event.trial!r} comes without its proposal"
            )
        return trial

    def _add_report(self, trial: TrialRecord, metrics: Metrics) -> None:
        if not self._keep_reports:
            trial.reports.clear()
        trial.reports.append(metrics)


def _choices(config: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in config.items())


def load(path: str | Path) -> ExperimentRecord:
    """Reads the newest record in an experiment's folder, or one record file. Reads JSON only.

    Args:
        path: The folder, as a path or a URI, or the file.

    Raises:
        FileNotFoundError: There is no record.
        RecordError: It is damaged, or of another version.
    """
    file = files.find(path)[-1]
    record = ExperimentRecord()
    for event in read_events(file):
        try:
            record.apply(event)
        except RecordError as error:
            raise RecordError(f"{file} is damaged: {error}") from error
    if record.started is None:
        raise RecordError(
            f"{file} does not begin with the experiment's properties: "
            "it is damaged, or is being copied right now"
        )
    record.use_restarted_ids()
    return record


def read_events(path: str | Path) -> Iterator[Event | UnknownEvent]:
    """The events of a record in the order in which they happened, one a line.

    Args:
        path: As in `load`.

    Raises:
        FileNotFoundError: There is no record.
        RecordError: It is damaged, or of another version.
    """
    file = files.find(path)[-1]
    return (event for event, _ in decode_lines(files.read(file), file, may_end_torn=True))


def decode_lines(
    content: bytes, path: str | Path, *, may_end_torn: bool = False
) -> Iterator[tuple[Event | UnknownEvent, int]]:
    """The events of a record's content, each with the checksum of its line.

    Args:
        content: The lines.
        path: For error messages.
        may_end_torn: Whether to skip an incomplete last line: a running experiment is writing it.

    Raises:
        RecordError: A line is damaged, or of another version.
    """
    *lines, last = content.split(b"\n")
    checksum = 0
    for number, line in enumerate(lines, start=1):
        try:
            checksum = seal.check(line, checksum)
            event = decode(line)
        except (ValueError, RecursionError) as error:
            raise RecordError(_damage(path, number, line, error)) from error
        yield event, checksum
    if last and not (may_end_torn and _is_torn(last, checksum)):
        raise RecordError(f"{path} is damaged: its last line, {len(lines) + 1}, has no end")


def _is_torn(line: bytes, before: int) -> bool:
    """Whether a last line without its newline was cut off; else its newline was changed."""
    try:
        seal.check(line[:-1], before)
    except seal.SealError:
        return True
    return False


def _damage(path: str | Path, number: int, line: bytes, error: Exception) -> str:
    """The message about a line that cannot be read, or is not what was written."""
    if isinstance(error, seal.SealError):
        try:
            event = decode(error.original or line)
        except (ValueError, RecursionError) as decoding_error:
            if error.original is None:
                return f"{path} cannot be read, line {number}: {decoding_error}"
        else:
            trial = f" of trial {event.trial!r}" if hasattr(event, "trial") else ""
            return f"{path} is damaged in line {number}, the {event.kind}{trial}: {error}"
    return f"{path} cannot be read, line {number}: {error}"
