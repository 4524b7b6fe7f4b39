"""A placeholder of the explanation of a trial."""

from ray_nas.record import ExperimentRecord


def explain(record: ExperimentRecord, trial: str = "best") -> str:
    """A few lines of plain text."""
    best = record.ranked()[0].trial_id if trial == "best" else trial
    return f"Trial {best}: the best\nWhy it was proposed: it was drawn at random from the space."
