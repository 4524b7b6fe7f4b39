"""The table of trials as columns for the page: small enough for tens of thousands of trials.

Names that repeat are written once and referred to by number; numbers have six digits; the whole is
compressed, and written as base64, in which nothing can end the element that holds it.
"""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ray_nas.record import ExperimentRecord, TrialRecord
from ray_nas.report.analysis.search_results import ITERATION_KEY, SECONDS_KEY, best_value

_LIMIT: Final = 3_000_000
"""Largest size of the compressed columns, in bytes; those that matter least are left out first."""


@dataclass(frozen=True)
class TrialColumns:
    """The table of trials; made by `trial_columns`."""

    payload: str
    """Compressed JSON as base64."""
    trials: int
    omitted: list[str]
    """Metrics that were left out, because the page would be too large."""


def trial_columns(record: ExperimentRecord, *, limit: int = _LIMIT) -> TrialColumns:
    """The trials of a record, with the imported ones at the end.

    Args:
        record: The experiment.
        limit: Largest size in bytes; metrics that are no objectives are left out beyond it.

    Example:
        >>> from ray_nas.record import events
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> record.apply(events.TrialProposed("a", {"depth": 2}, "random", ()))
        >>> trial_columns(record).trials
        1
    """
    trials = [*record.trials.values(), *record.imported.values()]
    table = _fixed_columns(record, trials)
    extra = _other_metrics(record, trials)
    columns = {name: _metric_column(trials, name) for name in extra}
    while True:
        payload = _compress({**table, "more": columns})
        if len(payload) <= limit or not columns:
            kept = [name for name in extra if name in columns]
            return TrialColumns(payload, len(trials), [one for one in extra if one not in kept])
        columns.popitem()


def _fixed_columns(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    place = {trial.trial_id: index for index, trial in enumerate(trials)}
    return {
        "id": [trial.trial_id for trial in trials],
        "move": _coded([trial.move for trial in trials]),
        "status": _coded([trial.status for trial in trials]),
        "reason": _coded([trial.reason for trial in trials]),
        "role": _coded([trial.role for trial in trials]),
        "parents": [
            [place[parent] for parent in trial.parents if parent in place] or 0 for trial in trials
        ],
        "reports": [len(trial.reports) for trial in trials],
        "choices": {
            name: _choice_column([trial.config.get(name) for trial in trials])
            for name in dict.fromkeys(name for trial in trials for name in trial.config)
        },
        "objectives": [
            {
                "name": name,
                "mode": mode,
                "last": _metric_column(trials, name),
                "best": [_short(best_value(trial, name, mode)) for trial in trials],
            }
            for name, mode in record.objectives.items()
        ],
    }


def _other_metrics(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> list[str]:
    """Metrics that are no objectives: costs with limits first, then Tune's, then the user's."""
    found = dict.fromkeys(name for trial in trials for name in trial.metrics)
    limits = (record.started.constraints if record.started else None) or {}
    first = [name for name in (*limits, SECONDS_KEY, ITERATION_KEY) if name in found]
    ordered = dict.fromkeys([*first, *found])
    return [name for name in ordered if name not in record.objectives]


def _metric_column(trials: Sequence[TrialRecord], name: str) -> list[Any]:
    return [_short(trial.metrics.get(name, math.nan)) for trial in trials]


def _choice_column(values: Sequence[Any]) -> dict[str, Any]:
    """None where a choice does not exist."""
    return _coded([_label(value) for value in values])


def _label(value: Any) -> str | float | int | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return _short(value) if isinstance(value, float) else value
    return value if isinstance(value, str) else json.dumps(value)


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    """Each value once, and for each trial the number of its value."""
    place: dict[str, int] = {}
    names: list[Any] = []
    codes = []
    for value in values:
        key = repr(value)
        if key not in place:
            place[key] = len(names)
            names.append(value)
        codes.append(place[key])
    return {"names": names, "codes": codes}


def _short(value: float) -> float | int | None:
    """A number with six digits; None (in JSON null) for what is not finite."""
    if not math.isfinite(value):
        return None
    if float(value).is_integer() and abs(value) < 1e15:
        return int(value)
    return float(f"{value:.6g}")


def _compress(table: Any) -> str:
    text = json.dumps(table, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def expand(payload: str) -> Any:
    """What a payload holds, as the page sees it.

    Example:
        >>> expand(_compress({"id": ["a"]}))
        {'id': ['a']}
    """
    return json.loads(zlib.decompress(base64.b64decode(payload)))
