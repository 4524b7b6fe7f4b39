"""What can happen in a search, as typed events, and how events become lines of JSON.

The record of an experiment is one event a line. `ExperimentRecord` adds them up; searchers go
through them again when they are restored; `ray_nas.simulation.replay` checks decisions against
them.
"""

import json
import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

VERSION: Final = 3

Metrics: TypeAlias = dict[str, float]
"""The numbers of a report, by name; NaN and infinities included."""
Status: TypeAlias = Literal["completed", "error", "infeasible", "unfinished"]
"""How a trial ended. Infeasible: it broke a limit, ran out of memory, or reported no finite value.
Unfinished: the experiment ended before its first report; after one, the trial is completed."""
Role: TypeAlias = Literal["search", "retrain"]
"""Whether a trial belongs to the search, or trains one of its winners from scratch."""


@dataclass(frozen=True, slots=True)
class ExperimentStarted:
    """The first event of every record."""

    kind: ClassVar[str] = "experiment"
    searcher: str
    space: str
    """The space's fingerprint."""
    objectives: dict[str, str]
    """Metric name to "min" or "max"."""
    seed: int | None
    version: int = VERSION
    constraints: dict[str, Any] | None = None
    """Name of a cost or a metric to its limits, low and high."""
    domains: dict[str, Any] | None = None
    """Parameter name to its values, as `SearchSpace.domains` returns them."""
    arguments: dict[str, Any] | None = None
    """The searcher's arguments that are JSON, by name, the space excepted."""
    unrecorded: dict[str, str] | None = None
    """Those that are not, such as functions, to a description."""
    constants: dict[str, Any] | None = None
    """What every trial's config holds besides: the JSON constants of Tune's `param_space`."""


@dataclass(frozen=True, slots=True)
class SchedulerStarted:
    """A scheduler begins, or begins anew after a restore that it does not survive."""

    kind: ClassVar[str] = "scheduler"
    scheduler: str
    """Its class name."""
    arguments: dict[str, Any]
    """Its arguments that are JSON, by name."""
    unrecorded: dict[str, str] | None = None
    """Those that are not, to a description."""


@dataclass(frozen=True, slots=True)
class TrialProposed:
    """A config became a trial."""

    kind: ClassVar[str] = "proposal"
    trial: str
    config: dict[str, Any]
    """The searched parameters, flat, named as in the space."""
    move: str
    """What made the config: "baseline", "random", "mutation", "crossover", "given", ..."""
    parents: tuple[str, ...]
    role: Role = "search"
    expected: dict[str, Any] | None = None
    """What the searcher predicted: metric name to [mean, low, high], one deviation apart."""


@dataclass(frozen=True, slots=True)
class TrialReported:
    """A trial reported metrics."""

    kind: ClassVar[str] = "result"
    trial: str
    metrics: Metrics
    final: bool = False
    """Whether the trial ends with this report; a function that returns has no such report."""
    stopped: bool = False
    """Whether the scheduler decided so; else the trial did, or Tune's `stop`."""


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended."""

    kind: ClassVar[str] = "end"
    trial: str
    status: Status
    reason: str = ""
    out_of_memory: bool = False
    size: float | None = None
    """The cost that measures its memory, where the searcher knows it."""


@dataclass(frozen=True, slots=True)
class TrialResumed:
    """Tune runs a failed trial again under the same id: a retry, or `resume_errored=True`."""

    kind: ClassVar[str] = "resumed"
    trial: str


@dataclass(frozen=True, slots=True)
class TrialRestarted:
    """Tune runs a failed trial from scratch under a new id (`restart_errored=True`)."""

    kind: ClassVar[str] = "restarted"
    trial: str
    new_id: str


@dataclass(frozen=True, slots=True)
class WeightsInherited:
    """What a child kept of its parent's weights."""

    kind: ClassVar[str] = "inheritance"
    trial: str
    how: str
    """"preserved" (the function too), "partial" or "fresh"; empty if the trial did not say."""


@dataclass(frozen=True, slots=True)
class TrialsImported:
    """Trials of an earlier experiment were imported (`start_from`)."""

    kind: ClassVar[str] = "earlier"
    trials: dict[str, Any]
    """Trial id to `{"config": ..., "metrics": ...}`, and where there are more `"reports": [...]`,
    those before the last; `"usable": false` for a trial that did not complete."""
    same_task: bool
    arguments: dict[str, Any] | None = None
    """The arguments of `start_from` but for searcher and source, by name."""


@dataclass(frozen=True, slots=True)
class SupernetStarted:
    """A trial trains a supernet."""

    kind: ClassVar[str] = "supernet"
    trial: str
    strategy: str
    epochs: int
    seed: int


@dataclass(frozen=True, slots=True)
class SupernetEnded:
    """The training of a supernet ended."""

    kind: ClassVar[str] = "supernet_end"
    trial: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class CandidatesScored:
    """Candidates were scored before the first trial (`ZeroCostWarmup`)."""

    kind: ClassVar[str] = "scores"
    score: str
    """What scored them."""
    configs: list[Any]
    """The searched parameters of each candidate, flat."""
    scores: list[Any]
    """Larger is better; NaN for a candidate that could not be scored."""
    seconds: float
    """How long it took."""
    measures: list[Any] | None = None
    """What the scores were made from: for each candidate, numbers by name."""
    arguments: dict[str, Any] | None = None
    """The arguments of `ZeroCostWarmup` but for the score, by name."""


@dataclass(frozen=True, slots=True)
class ScoresAudited:
    """The rank correlation of scores with results was measured (`ZeroCostWarmup`)."""

    kind: ClassVar[str] = "audit"
    results: int
    """Results with a score."""
    correlation: float
    """Spearman's, in [-1, 1]."""
    low: float
    """Lower end of its 90 % interval."""
    high: float
    """Upper end of its 90 % interval."""
    dropped: bool
    """Whether the search goes on without the scores."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A large part of the searcher's state changed since the last save (`IncrementalState`)."""

    kind: ClassVar[str] = "state"
    path: tuple[str | int, ...]
    """The keys and indices that lead to the part."""
    change: Literal["dict", "list", "dropped"]
    updated: dict[str, Any] | None = None
    """New and changed entries of a dict."""
    removed: tuple[str, ...] = ()
    """Removed entries of a dict."""
    start: int = 0
    """The index from which a list is replaced."""
    items: list[Any] | None = None
    """What replaces it."""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a kind that this version does not have; readers skip it."""

    kind: str


Event: TypeAlias = (
    ExperimentStarted
    | SchedulerStarted
    | TrialProposed
    | TrialReported
    | TrialEnded
    | TrialResumed
    | TrialRestarted
    | WeightsInherited
    | TrialsImported
    | SupernetStarted
    | SupernetEnded
    | CandidatesScored
    | ScoresAudited
    | StateChanged
)

_FIELDS: Final = {
    cls: tuple((field.name, field.default) for field in fields(cls)) for cls in get_args(Event)
}
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_SPECIAL: Final = {str(number): number for number in (math.nan, math.inf, -math.inf)}


def encode(event: Event) -> bytes:
    """An event as a line of JSON. Fields that hold their default are left out."""
    entries = {"event": event.kind}
    for name, default in _FIELDS[type(event)]:
        value = getattr(event, name)
        if default is MISSING or value != default or name == "version":
            entries[name] = value
    try:
        line = _ENCODE(entries)
    except ValueError:  # JSON has neither NaN nor infinities
        line = _ENCODE(without_special_floats(entries))
    return line.encode() + b"\n"


def decode(line: bytes) -> Event | UnknownEvent:
    """The event of a line.

    Raises:
        ValueError: The line is not the JSON of an event, or a field breaks a rule; the message
            names the field and the rule.
    """
    entries = json.loads(line)
    kind = entries.get("event") if isinstance(entries, dict) else None
    if not isinstance(kind, str):
        raise ValueError(f'it must be an object with a text "event", got {reprlib.repr(entries)}')
    cls = _KINDS.get(kind)
    if cls is None:
        return UnknownEvent(kind)
    if cls is ExperimentStarted:
        _check_version(entries.get("version"))
    values = {name: read(entries) for name, read in _READERS[cls] if name in entries}
    missing = [name for name, default in _FIELDS[cls] if default is MISSING and name not in values]
    if missing:
        raise ValueError(f"{missing[0]} of the {kind} is missing")
    event: Event = cls(**values)
    _check(event)
    return event


def _check_version(version: Any) -> None:
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"it has version {version}, newer than {VERSION}, which this package reads"
        )
    if version != VERSION:
        raise ValueError(
            f"it has version {version}, this package reads version {VERSION}: "
            "read it with the package version that wrote it"
        )


def _check(event: Event) -> None:
    """Raises a ValueError for values that have the right type and break a rule."""
    match event:
        case ExperimentStarted(objectives=objectives):
            modes = list(objectives.values())
            if not modes or any(mode not in ("min", "max") for mode in modes):
                message = "objectives must be metrics to 'min' or 'max', got "
                raise ValueError(message + reprlib.repr(objectives))
        case TrialProposed(config=config):
            if not all(_is_parameter_value(value) for value in config.values()):
                raise ValueError(f"config must be flat, got {reprlib.repr(config)}")
        case TrialReported(metrics=metrics):
            for name, value in metrics.items():
                metrics[name] = _number(value)
        case CandidatesScored():
            _check_scores(event)


def _check_scores(event: CandidatesScored) -> None:
    event.scores[:] = [_number(score) for score in event.scores]
    for measures in event.measures or ():
        measures.update({name: _number(value) for name, value in measures.items()})
    counts = {len(event.configs), len(event.scores), len(event.measures or event.scores)}
    if len(counts) > 1:
        raise ValueError(f"scores must be one for each config, got {sorted(counts)}")


def _is_parameter_value(value: Any, levels: int = 9) -> bool:
    """Whether a parameter can have this value: a scalar, or a list that was a tuple."""
    if isinstance(value, list):
        return levels > 0 and all(_is_parameter_value(item, levels - 1) for item in value)
    return not isinstance(value, dict)


def _number(value: Any) -> float:
    """A metric; NaN and infinities stand in the file as text."""
    number = _SPECIAL.get(value) if isinstance(value, str) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise ValueError(f"metrics must be numbers, got {reprlib.repr(value)}")
    try:
        float(number)
    except OverflowError as error:
        raise ValueError(f"metrics must fit a float: {error}") from error
    return number


def without_special_floats(value: Any) -> Any:
    """The value with NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: without_special_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_special_floats(item) for item in value]
    return value


def _read(kind: str, name: str, hint: Any, entries: Mapping[str, Any]) -> Any:
    """One field of an event, checked against its annotation."""
    value = entries[name]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            allowed = ", ".join(map(repr, get_args(hint)))
            raise ValueError(f"{name} of the {kind} must be one of {allowed}, got {value!r}")
        return value
    if get_origin(hint) is tuple:
        item_hint = get_args(hint)[0]
        if not isinstance(value, list) or not all(isinstance(item, item_hint) for item in value):
            raise ValueError(f"{name} of the {kind} must be a list, got {reprlib.repr(value)}")
        return tuple(value)
    if not isinstance(value, _runtime_type(hint)):
        wanted = getattr(hint, "__name__", str(hint))
        raise ValueError(f"{name} of the {kind} must be {wanted}, got {reprlib.repr(value)}")
    return value


def _runtime_type(hint: Any) -> Any:
    """What `isinstance` can check of an annotation."""
    if isinstance(hint, UnionType):
        return tuple(_runtime_type(part) for part in get_args(hint))
    if hint is float:
        return (float, int)
    return NoneType if hint is None else (get_origin(hint) or hint)


def _readers(cls: type) -> tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...]:
    hints = get_type_hints(cls)
    kind = cls.kind  # type: ignore[attr-defined]
    return tuple(
        (field.name, partial(_read, kind, field.name, hints[field.name])) for field in fields(cls)
    )


_KINDS: Final[dict[str, type[Any]]] = {cls.kind: cls for cls in _FIELDS}
_READERS: Final = {cls: _readers(cls) for cls in _FIELDS}
