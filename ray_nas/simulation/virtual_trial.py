"""`VirtualTrial`: what schedulers read of a trial, and what remains of it in the history."""

from collections.abc import Iterator, Mapping
from typing import Any

from ray.tune.experiment import Trial

Report = tuple[float, Mapping[str, Any]]
"""What an objective yields: seconds since the previous report, and metrics, which may be nested."""


class VirtualTrial:
    """A trial on the virtual clock, with the names of Tune's `Trial` that schedulers use.

    Args:
        trial_id: Its id.
        number: Its position in the order of proposals, from 0.
        config: What the searcher proposed.
    """

    def __init__(self, trial_id: str, number: int, config: dict[str, Any]) -> None:
        self.trial_id = trial_id
        self.number = number
        self.config = config
        self.evaluated_params = config
        self.status: str = Trial.PENDING
        """As in Tune: PENDING, RUNNING, PAUSED, TERMINATED or ERROR."""
        self.last_result: dict[str, Any] = {}
        self.is_saving = False
        """Always False: a virtual trial is paused at once, with all it needs to continue."""
        self.results: list[dict[str, Any]] = []
        """All reports."""
        self.times: list[float] = []
        """The virtual time of each report, in seconds."""
        self.started: float | None = None
        """When it first ran, in seconds; None if it never did."""
        self.ended: float | None = None
        """When it ended, in seconds; None if it never did."""
        self.error: Exception | None = None
        """The exception that the objective raised."""
        self.failures = 0
        """How often its node failed."""
        self.restarts_without_progress = 0
        """Restarts in a row without a later checkpoint."""
        self.checkpointed_reports = 0
        """Reports before its last checkpoint."""
        self.iteration = 0
        """Reports of its training so far, without those that a failure undid."""
        self.attempt = 0
        """How often the trial was taken off its worker; events of an earlier attempt are void."""
        self.reports: Iterator[Report] | None = None
        """The rest of the objective's reports; None if it has not been called."""
        self.seconds = 0.0
        """The seconds that it ran, without pauses."""

    def is_finished(self) -> bool:
        """Whether it ended, for whatever reason."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)

    @property
    def metrics(self) -> dict[str, Any]:
        """The last report, empty if there was none."""
        return self.last_result

    def __repr__(self) -> str:
        return f"VirtualTrial({self.trial_id}, {self.status}, {len(self.results)} reports)"

    def next_result(self, seconds: float, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """The flat result that Tune would make of a report: the metrics, and Tune's own fields."""
        self.seconds += seconds
        result = flatten(metrics)
        result.setdefault("training_iteration", self.iteration + 1)
        result.update(time_this_iter_s=seconds, time_total_s=self.seconds, trial_id=self.trial_id)
        result.setdefault("done", False)
        return result

    def add_report(self, result: dict[str, Any], time: float) -> None:
        """Stores a report, and when it came."""
        self.last_result = result
        self.results.append(result)
        self.times.append(time)


def flatten(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens nested metrics as Tune does.

    Example:
        >>> flatten({"a": {"b": 1}, "c": 2})
        {'a/b': 1, 'c': 2}
    """
    result: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping) and value:
            result.update(flatten(value, f"{prefix}{name}/"))
        else:
            result[f"{prefix}{name}"] = value
    return result
