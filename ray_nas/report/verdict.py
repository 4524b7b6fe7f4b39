"""A placeholder of the verdict."""

from dataclasses import dataclass

from ray_nas.record import ExperimentRecord


@dataclass(frozen=True)
class Verdict:
    """Whether the search paid."""

    sentence: str
    numbers: list[tuple[str, str]]
    """Labels and values."""


def verdict(record: ExperimentRecord, retraining: object = None) -> Verdict:
    """Judges a search."""
    count = len(record.trials)
    return Verdict(
        "The best network beats the baseline by 1.2 points, more than noise explains.",
        [
            ("gain over the baseline", "+1.2 [0.4, 2.0] points"),
            ("chance that it is noise", "0.3 %"),
            ("trials", f"{count:,}"),
            ("paid", "3.2 h of training"),
        ],
    )
