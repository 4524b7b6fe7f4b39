"""Trials of a search in phases."""

import math

import pytest

from ray_nas.searchers.core.phase_trial import PhaseTrial, rank_retrainings


@pytest.mark.parametrize(
    ("last", "error", "status"),
    [
        ({"loss": 0.5}, False, "completed"),
        ({"loss": 0.5}, True, "error"),
        ({"loss": math.nan}, False, "infeasible"),
        ({}, False, "infeasible"),
    ],
)
def test_how_a_trial_ended(last: dict, error: bool, status: str) -> None:
    trial = PhaseTrial("retrain", {}, last=last)
    assert trial.status(["loss"], error)[0] == status


def test_fields_survive_json() -> None:
    trial = PhaseTrial("evaluate", {"phase": "evaluate"}, ("a/0", "a/1"), True, {"loss": 1.0})
    assert PhaseTrial.from_json(trial.to_json()) == trial


def test_without_a_metric_nothing_can_be_ranked() -> None:
    with pytest.raises(ValueError, match="OneShot has no metric to rank by"):
        rank_retrainings([], None, "max")
