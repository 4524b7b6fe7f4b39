"""A placeholder of the results of a retraining."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RetrainedTrial:
    """One training from scratch."""

    trial: str
    config: dict[str, Any]
    seed: int
    metrics: dict[str, float]
    reason: str = ""


@dataclass(frozen=True)
class Retraining:
    """Winner and baseline, trained from scratch."""

    trials: list[RetrainedTrial]
    metric: str
    mode: str
    test_metric: str | None
    winner: str


def load_retraining(folder: str | Path) -> Retraining | None:
    """Reads nothing yet."""
    return None
