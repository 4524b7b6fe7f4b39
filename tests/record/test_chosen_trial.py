"""The best trial, or the one with an id."""

import pytest

from ray_nas.record import ExperimentRecord
from ray_nas.record.chosen_trial import chosen_trial
from ray_nas.record.events import (
    ExperimentStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
)


def record_of(*trials: tuple[str, float, str]) -> ExperimentRecord:
    record = ExperimentRecord()
    record.apply(ExperimentStarted("OneShot", "f00d", {"loss": "min"}, 0))
    for name, loss, role in trials:
        record.apply(TrialProposed(name, {}, "random", (), role))  # type: ignore[arg-type]
        record.apply(TrialReported(name, {"loss": loss}))
        record.apply(TrialEnded(name, "completed"))
    return record


def test_retrained_winners_come_before_parts_of_a_supernet() -> None:
    record = record_of(("a/0", 0.1, "search"), ("b", 0.3, "retrain"), ("c", 0.2, "retrain"))
    assert chosen_trial(record, "best", "here").trial_id == "c"
    assert chosen_trial(record, "a/0", "here").trial_id == "a/0"
    assert (
        chosen_trial(record_of(("a", 2, "search"), ("b", 1, "search")), "best", "").trial_id == "b"
    )


def test_there_must_be_such_a_trial() -> None:
    with pytest.raises(ValueError, match="here has no trial 'x' among its 1 trials"):
        chosen_trial(record_of(("a", 1.0, "search")), "x", "here")
    with pytest.raises(ValueError, match="no trial of here has completed with a finite loss"):
        chosen_trial(record_of(("a", float("nan"), "search")), "best", "here")
