"""The record of an experiment: what was proposed from which parents, what was reported, how each
trial ended.

One JSON object a line, only ever appended to, so that a save costs what happened since the last
one. The searcher writes it beside its state at each of Tune's saves, and reads it back on a
restore; `ray-nas show` reads it alone.
"""

import json
import math
import os
import reprlib
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ray_nas.record import files as record_files

VERSION: Final = 1

Event = dict[str, Any]
_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "experiment": {
        "version": int,
        "searcher": str,
        "space": str,
        "objectives": dict,
        "seed": int | None,
    },
    "proposal": {"trial": str, "config": dict, "move": str, "parents": list},
    "result": {"trial": str, "metrics": dict},
    "end": {"trial": str, "status": str, "reason": str},
    "resumed": {"trial": str},
    "restarted": {"trial": str, "as": str},
    "inheritance": {"trial": str, "kind": str},
}
"""What readers go by and its type, for each event that `load` takes; other events and fields are
passed over.
"""
_NUMBERS: Final = {str(number): number for number in (math.nan, math.inf, -math.inf)}
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class RecordError(ValueError):
    """A record that cannot be read as it was written."""


class RecordWriter:
    """Collects events and appends them to a record of its own."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lines: list[bytes] = []
        self._bytes = 0
        self._checksum = 0

    def append(self, event: Event) -> None:
        """Adds an event, a dict of JSON values whose key "event" says what it is; it is on disk
        after the next `save`.
        """
        try:
            line = _ENCODE(event)
        except ValueError:
            line = _ENCODE(finite(event))
        self._lines.append(line.encode() + b"\n")

    def save(self, folder: Path) -> dict[str, Any]:
        """Brings the record in `folder` up to date.

        Returns:
            The mark that `restore` takes: the record's file name, its length in bytes and its
                CRC-32.
        """
        if self._path is None or self._path.parent != folder:
            self._path = self._move(folder / record_files.new_name())
        path = self._path
        with writing(path), path.open("r+b" if self._bytes else "wb") as file:
            file.seek(self._bytes)  # over what an interrupted save may have left
            file.truncate()
            for line in self._lines:
                file.write(line)
        for line in self._lines:
            self._checksum = zlib.crc32(line, self._checksum)
            self._bytes += len(line)
        self._lines = []
        return {"file": path.name, "bytes": self._bytes, "crc32": self._checksum}

    def restore(self, folder: Path, mark: Mapping[str, Any]) -> list[Event]:
        """Goes back to what stood in `folder` at the save that gave `mark`; later events are
        dropped.

        Returns:
            The events up to then.

        Raises:
            RecordError: The record is missing, shorter than the mark says, or was changed.
        """
        path = folder / Path(mark["file"]).name
        if not path.exists():
            raise RecordError(
                f"{path} is missing: the searcher's state needs the record that was saved beside it"
            )
        content = path.read_bytes()[: mark["bytes"]]
        checksum = zlib.crc32(content)
        if len(content) < mark["bytes"] or checksum != mark["crc32"]:
            raise RecordError(
                f"{path} is damaged: its first {mark['bytes']} bytes are not those that the searcher's state was saved with"
            )
        self._path, self._lines, self._bytes, self._checksum = path, [], len(content), checksum
        return list(_events(content, path))

    def _move(self, path: Path) -> Path:
        """A run that goes on elsewhere takes along what it has written so far; the other file
        stays as it is.
        """
        if self._path is not None and self._bytes:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name("ray_nas_record.partial")
                shutil.copyfile(self._path, partial)
                os.replace(partial, path)
        return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says in the error of a full or read-only storage what that means for the search."""
    try:
        yield
    except OSError as error:
        message = f"the search cannot be saved ({error.strerror}); what was saved before is whole: make room, then restore"
        raise OSError(error.errno, message, str(path)) from error


@dataclass
class TrialRecord:
    """One trial as the record has it."""

    trial_id: str
    """Tune's id: the new one, where a failed trial was run anew with `restart_errored`; reports
    are those of that run then.
    """
    config: dict[str, Any]
    """The parameters that were searched, flat, as the space names them."""
    move: str
    """How the searcher came by it: "random", "mutation", "crossover", "neighbor", "grid",
    "given", ...
    """
    parents: list[str]
    """The trial ids that it was made from."""
    results: list[dict[str, float]] = field(default_factory=list)
    """The metrics of each report, in order."""
    status: str = "unfinished"
    """"completed", "error", "infeasible", or "unfinished". With a report, one that the
    experiment's end cuts off is completed.
    """
    reason: str = ""
    """Why it ended, or did not finish, where there is more to say than that it was done."""
    inheritance: str = ""
    """What it has of its parent's weights: "preserved" (and the function), "partial" or "fresh";
    empty where none are handed on.
    """

    @property
    def metrics(self) -> dict[str, float]:
        """The last report, empty if there was none."""
        return self.results[-1] if self.results else {}


@dataclass
class ExperimentRecord:
    """What `load` reads: the run's properties and its trials in the order of their proposal."""

    properties: dict[str, Any]
    """`searcher`, `space` (its fingerprint), `objectives` and `seed`."""
    trials: list[TrialRecord]

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max"."""
        return dict(self.properties["objectives"])

    def ranked(self) -> list[TrialRecord]:
        """The completed trials, best first by the first objective; only finite values of it."""
        metric, mode = next(iter(self.objectives.items()))
        finished = [
            trial
            for trial in self.trials
            if trial.status == "completed" and math.isfinite(trial.metrics.get(metric, math.nan))
        ]
        return sorted(finished, key=lambda trial: trial.metrics[metric], reverse=mode == "max")

    def lineage(self, trial_id: str) -> list[TrialRecord]:
        """The trial and its ancestors, youngest first, each once."""
        by_id = {trial.trial_id: trial for trial in self.trials}
        found: dict[str, TrialRecord] = {}
        queue = [trial_id]
        while queue:
            trial = by_id.get(queue.pop(0))
            if trial is not None and trial.trial_id not in found:
                found[trial.trial_id] = trial
                queue += trial.parents
        return list(found.values())


def load(path: str | Path) -> ExperimentRecord:
    """The newest record in an experiment's folder (a path or a URI), or that very file. Nothing but
    JSON is read.

    Raises:
        FileNotFoundError: No record there.
        RecordError: It is damaged, or of a newer version.
    """
    file = record_files.find(path)[-1]
    properties: dict[str, Any] | None = None
    trials: dict[str, TrialRecord] = {}
    renamed: dict[str, str] = {}
    for event in events(file):
        kind = event["event"]
        if (
            kind in ("result", "end", "resumed", "restarted", "inheritance")
            and event["trial"] not in trials
        ):
            raise RecordError(
                f"{file} is damaged: it has the {kind} of trial {event['trial']!r}, which was never proposed"
            )
        if kind == "experiment":
            properties = {name: event[name] for name in ("searcher", "space", "objectives", "seed")}
        elif kind == "proposal":
            trials[event["trial"]] = TrialRecord(
                event["trial"], event["config"], event["move"], event["parents"]
            )
        elif kind == "result":
            trials[event["trial"]].results.append(event["metrics"])
        elif kind == "end":
            trials[event["trial"]].status, trials[event["trial"]].reason = (
                event["status"],
                event["reason"],
            )
        elif kind == "resumed":
            trials[event["trial"]].status, trials[event["trial"]].reason = "unfinished", ""
        elif kind == "restarted":
            trials[event["trial"]] = replace(
                trials[event["trial"]], results=[], status="unfinished", reason="", inheritance=""
            )
            renamed[event["trial"]] = event["as"]
        elif kind == "inheritance":
            trials[event["trial"]].inheritance = event["kind"]
    if properties is None:
        raise RecordError(
            f"{file} does not begin with the experiment's properties: it is being copied right now, or damaged"
        )
    for trial in trials.values():
        trial.trial_id = renamed.get(trial.trial_id, trial.trial_id)
        trial.parents = [renamed.get(parent, parent) for parent in trial.parents]
    return ExperimentRecord(properties, list(trials.values()))


def events(path: str | Path) -> Iterator[Event]:
    """The events of a record (as `load` finds it) in the order in which they happened.

    Raises:
        FileNotFoundError: No record there.
        RecordError: It is damaged.
    """
    file = record_files.find(path)[-1]
    return _events(record_files.read(file), file, tail_may_be_torn=True)


def _events(content: bytes, path: str | Path, tail_may_be_torn: bool = False) -> Iterator[Event]:
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            if tail_may_be_torn and number == len(
                lines
            ):  # a running experiment is being written to
                return
            raise RecordError(f"{path} is damaged in line {number}: {error}") from error
        try:
            _check(event)
        except (ValueError, OverflowError) as error:
            raise RecordError(f"{path} cannot be read, line {number}: {error}") from error
        yield event


def _check(event: Any) -> None:
    """Looks at all that readers go by, and makes metrics numbers again.

    Raises:
        ValueError: Something is missing or of a wrong type, or of a newer version.
        OverflowError: A metric is too large for a float.
    """
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str):
        raise ValueError(f"{reprlib.repr(event)} is no event")
    if (
        kind == "experiment"
        and isinstance(event.get("version"), int)
        and event["version"] > VERSION
    ):
        raise ValueError(f"it has version {event['version']}, this package reads up to {VERSION}")
    for name, wanted in _FIELDS.get(kind, {}).items():
        if name not in event or not isinstance(event[name], wanted):
            raise ValueError(
                f"{name} of the {kind} must be {getattr(wanted, '__name__', wanted)}, got {reprlib.repr(event.get(name))}"
            )
    if kind == "experiment" and not (
        event["objectives"] and all(mode in ("min", "max") for mode in event["objectives"].values())
    ):
        raise ValueError(
            f"objectives must be metrics to 'min' or 'max', got {reprlib.repr(event['objectives'])}"
        )
    if kind == "proposal" and not all(isinstance(parent, str) for parent in event["parents"]):
        raise ValueError(f"parents must be trial ids, got {reprlib.repr(event['parents'])}")
    if kind == "proposal" and not all(_is_value(value) for value in event["config"].values()):
        raise ValueError(f"config must be flat, got {reprlib.repr(event['config'])}")
    if kind == "result":
        event["metrics"] = {name: _number(value) for name, value in event["metrics"].items()}


def _is_value(value: Any, levels: int = 9) -> bool:
    """Whether it can be a parameter's: a scalar, or what was a tuple."""
    if isinstance(value, list):
        return levels > 0 and all(_is_value(item, levels - 1) for item in value)
    return not isinstance(value, dict)


def _number(value: Any) -> float:
    """A metric; those that JSON lacks are written as text."""
    number = _NUMBERS.get(value) if isinstance(value, str) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise ValueError(f"metrics must be numbers, got {reprlib.repr(value)}")
    float(number)
    return number


def finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinities: they are written as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return value
