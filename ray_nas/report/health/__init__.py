"""A placeholder of the health checks."""

from dataclasses import dataclass
from typing import Literal

from ray_nas.record import ExperimentRecord


@dataclass(frozen=True)
class HealthCheck:
    """One check of an experiment."""

    name: str
    status: Literal["pass", "warn", "missing"]
    finding: str
    remedy: str


def health_checks(record: ExperimentRecord, retraining: object = None) -> list[HealthCheck]:
    """Checks an experiment."""
    return [
        HealthCheck("Baseline", "pass", "The winner beats the baseline.", ""),
        HealthCheck(
            "Borders of the space",
            "warn",
            "The best trials have width = 32, the largest value.",
            "Widen the range of width.",
        ),
        HealthCheck(
            "Held-out test",
            "missing",
            "The winner was never retrained.",
            "Run ray-nas retrain EXPERIMENT --trial best --seeds 3.",
        ),
    ]
