"""When and where each trial ran, from the `result.json` that Tune keeps in the trial's folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ray_nas.record import files

RESULT_FILE: Final = "result.json"
_TAIL: Final = 65_536
"""How much of a long file's end is read, in bytes; a line is far shorter."""


@dataclass(frozen=True)
class TrialTime:
    """When a trial ran, from its first report's start to its last report."""

    trial_id: str
    start: float
    """Seconds since 1970."""
    end: float
    node: str
    """The address of its node."""
    process: int
    """The id of its process."""


@dataclass(frozen=True)
class TrialTimes:
    """The times of an experiment's trials, by trial id; made by `read_trial_times`."""

    trials: dict[str, TrialTime]
    missing: str
    """Why times are missing; empty if none are."""


def read_trial_times(experiment: str | Path, trials: int) -> TrialTimes:
    """Reads the first and the last line of each trial's `result.json`.

    Args:
        experiment: The experiment's folder or a record in it.
        trials: How many trials have reported: those without a file are counted as missing.

    Example:
        >>> read_trial_times("s3://bucket/experiment", 10).missing
        'the experiment is at a URI; copy its folder to read when trials ran'
    """
    if files.is_uri(experiment):
        return TrialTimes({}, "the experiment is at a URI; copy its folder to read when trials ran")
    folder = Path(experiment)
    folder = folder if folder.is_dir() else folder.parent
    found = {time.trial_id: time for time in _read_all(folder)}
    if not found:
        return TrialTimes(
            {}, f"no {RESULT_FILE} in the folders of the trials: Tune's JSON logger was off"
        )
    lost = trials - len(found)
    missing = f"{lost} of {trials} trials have no readable {RESULT_FILE}" if lost > 0 else ""
    return TrialTimes(found, missing)


def _read_all(folder: Path) -> Iterator[TrialTime]:
    for path in sorted(folder.glob(f"*/{RESULT_FILE}")):
        time = _read(path)
        if time is not None:
            yield time


def _read(path: Path) -> TrialTime | None:
    """None if the file is empty, or its lines are not what Tune writes."""
    with path.open("rb") as file:
        first = file.readline()
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL, 0))
        lines = [line for line in file.read().split(b"\n") if line.strip()]
    entries = [_entries(line) for line in (first, *lines[:-3:-1])]
    begin, ends = entries[0], [entry for entry in entries[1:] if entry]
    if not begin or not ends:
        return None
    try:
        return TrialTime(
            str(begin["trial_id"]),
            float(begin["timestamp"]) - float(begin["time_this_iter_s"]),
            float(ends[0]["timestamp"]),
            str(begin.get("node_ip", "")),
            int(begin.get("pid", 0)),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _entries(line: bytes) -> dict[str, Any]:
    """The entries of a line; empty if it is torn or not an object."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
