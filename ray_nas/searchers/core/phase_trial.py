"""One trial of a search in phases: a supernet, an evaluation of its sub-networks, a retraining."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from math import isfinite, nan
from typing import Any, Literal, TypeAlias

from ray.tune import Result

from ray_nas.record.events import Metrics, Status

Phase: TypeAlias = Literal["supernet", "evaluate", "retrain"]


@dataclass
class PhaseTrial:
    """A trial of `OneShot`.

    Example:
        >>> trial = PhaseTrial("retrain", {"seed": 1}, ("trial_2/0",))
        >>> PhaseTrial.from_json(trial.to_json()) == trial
        True
    """

    phase: Phase
    config: dict[str, Any]
    """What Tune passes to the trainable."""
    sub_networks: tuple[str, ...] = ()
    """The ids of those that it evaluates, or of the one that it retrains."""
    ended: bool = False
    last: Metrics = field(default_factory=dict)
    """Its last report."""

    def status(self, metrics: Iterable[str], error: bool) -> tuple[Status, str]:
        """How a supernet or a retraining ended, and why.

        Args:
            metrics: The metrics that it must have reported, with finite values.
            error: Whether the trainable raised an error.
        """
        if error:
            return "error", "the trainable raised an error"
        if all(isfinite(self.last.get(name, nan)) for name in metrics):
            return "completed", ""
        return "infeasible", "no finite metric was reported"

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**asdict(self), "sub_networks": list(self.sub_networks)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "PhaseTrial":
        """A trial from the fields that `to_json` returned."""
        return cls(**{**fields, "sub_networks": tuple(fields["sub_networks"])})


def rank_retrainings(
    results: Iterable[Result], metric: str | None, mode: str | None
) -> list[Result]:
    """The finished retrainings, best first, each with its architecture as `config`.

    Args:
        results: What `Tuner.fit` returned.
        metric: The metric to rank by; results without a finite value are left out.
        mode: "min" or "max".

    Raises:
        ValueError: The metric or the mode is None.
    """
    if metric is None or mode is None:
        raise ValueError(
            "OneShot has no metric to rank by: give it one, "
            'OneShot(space, metric="accuracy", mode="max", ...)'
        )
    found = []
    for result in results:
        metrics = result.metrics or {}
        value = metrics.get(metric, nan)
        if result.error is None and metrics.get("phase") == "retrain" and isfinite(value):
            config = metrics["config"]["architecture"]
            found.append((value, replace(result, metrics={**metrics, "config": config})))
    found.sort(key=lambda pair: pair[0], reverse=mode == "max")
    return [result for _, result in found]
