"""Finds the metric on held-out test data that trials report beside the one that guides."""

from typing import Final

from ray_nas.record import ExperimentRecord

_VALIDATION: Final = ("validation_", "valid_", "val_", "_validation", "_valid", "_val")


def held_out_metric(record: ExperimentRecord) -> str | None:
    """The test metric that matches the first objective, such as "test_accuracy"; None without one.

    Example:
        >>> from ray_nas.record.events import ExperimentStarted, TrialProposed, TrialReported
        >>> record = ExperimentRecord()
        >>> record.apply(ExperimentStarted("RandomSearch", "f00d", {"val_loss": "min"}, 0))
        >>> record.apply(TrialProposed("a", {}, "random", ()))
        >>> record.apply(TrialReported("a", {"val_loss": 0.5, "test_loss": 0.6}))
        >>> held_out_metric(record)
        'test_loss'
    """
    reported = {name for trial in record.trials.values() for name in trial.metrics}
    objective = next(iter(record.objectives), "")
    plain = objective
    for part in _VALIDATION:
        plain = plain.removeprefix(part) if part.endswith("_") else plain.removesuffix(part)
    names = (f"test_{plain}", f"{plain}_test", f"test_{objective}", f"{objective}_test")
    return next((name for name in names if name in reported and name != objective), None)
