"""What trials came to when they were trained again."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RetrainedTrial:
    """One trial, trained again with one seed."""

    trial: str
    """Its id, or "baseline"."""
    config: dict[str, Any]
    seed: int
    metrics: dict[str, float]
    """The last report."""
    reason: str = ""
    """Why it failed; empty if it ended well."""


@dataclass(frozen=True)
class Retraining:
    """The winner and the baseline, each trained again with several seeds."""

    trials: list[RetrainedTrial]
    metric: str
    mode: str
    """"min" or "max"."""
    test_metric: str | None
    """The held-out metric, e.g. "test_accuracy"; None if none is reported."""
    winner: str
    """The winner's trial id."""
