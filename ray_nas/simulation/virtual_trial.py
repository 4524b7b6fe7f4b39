"""`VirtualTrial`: what a scheduler may ask of a trial, and what is left of it afterwards."""

from collections.abc import Iterator, Mapping
from typing import Any

from ray.tune.experiment import Trial

Report = tuple[float, Mapping[str, Any]]
"""What an objective yields: the seconds that passed since the report before, and metrics (nested
as the user likes).
"""


class VirtualTrial:
    """A trial on the virtual clock. Its names are those of Tune's `Trial`, as far as schedulers use
    them.

    Args:
        trial_id: Its id.
        number: Its place in the order of proposals, from 0.
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
        """A virtual trial is paused at once, with all it needs to go on."""
        self.results: list[dict[str, Any]] = []
        """All reports."""
        self.times: list[float] = []
        """The time of each report on the virtual clock, in seconds."""
        self.started: float | None = None
        """When it first ran, in seconds; None if it never did."""
        self.ended: float | None = None
        """When it ended, in seconds; None if it never did."""
        self.error: Exception | None = None
        """What the objective raised."""
        self.failures = 0
        """How often it was interrupted by a node that failed."""
        self.in_vain = 0
        """How often in a row without a checkpoint that is further on."""
        self.saved = 0
        """How many reports lie before its last checkpoint."""
        self.iteration = 0
        """How many reports of its training it has made, those that were undone by a failure left
        out.
        """
        self.run = 0
        """Counts how often the trial was interrupted: an event of an earlier run is void."""
        self.reports: Iterator[Report] | None = None
        self.seconds = 0.0
        """The seconds that it ran, pauses left out."""

    def is_finished(self) -> bool:
        """Whether it ended, by whatever cause."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)

    @property
    def metrics(self) -> dict[str, Any]:
        """The last report, empty if there was none."""
        return self.last_result

    def __repr__(self) -> str:
        return f"VirtualTrial({self.trial_id}, {self.status}, {len(self.results)} reports)"

    def next_result(self, seconds: float, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """The flat result that Tune would make of a report: the user's metrics and Tune's own
        fields.
        """
        self.seconds += seconds
        result = flat(metrics)
        result.setdefault("training_iteration", self.iteration + 1)
        result.update(time_this_iter_s=seconds, time_total_s=self.seconds, trial_id=self.trial_id)
        result.setdefault("done", False)
        return result

    def note(self, result: dict[str, Any], time: float) -> None:
        """Keeps a report."""
        self.last_result = result
        self.results.append(result)
        self.times.append(time)


def flat(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested metrics as Tune flattens them: {"a": {"b": 1}} becomes {"a/b": 1}."""
    result: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping) and value:
            result.update(flat(value, f"{prefix}{name}/"))
        else:
            result[f"{prefix}{name}"] = value
    return result
