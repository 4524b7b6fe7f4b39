"""Values and costs of trials."""

import math

import pytest
from made_record import made_record

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import TrialEnded, TrialProposed, TrialReported
from ray_nas.report.analysis.search_results import (
    ITERATIONS,
    REPORTS,
    SECONDS,
    best_value,
    first_objective,
    search_results,
)


def test_only_completed_trials_have_a_value() -> None:
    statuses = ["completed", "error", "infeasible", "unfinished"]
    record = made_record([{"status": status} for status in statuses])
    assert search_results(record).is_usable.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("reports", "unit", "costs"),
    [
        ([{"loss": 1.0, "time_total_s": 5.0, "training_iteration": 2}], SECONDS, [5.0, 0.0]),
        ([{"loss": 1.0, "training_iteration": 2}], ITERATIONS, [2.0, 0.0]),
        ([{"loss": 1.0}, {"loss": 2.0}], REPORTS, [2.0, 0.0]),
        ([{"loss": 1.0, "time_total_s": math.nan}], SECONDS, [0.0, 0.0]),
    ],
)
def test_costs(reports: list[dict[str, float]], unit: str, costs: list[float]) -> None:
    found = search_results(made_record([{"reports": reports}, {"reports": []}]))
    assert (found.cost_unit, found.costs.tolist()) == (unit, costs)


def test_retrainings_are_left_out() -> None:
    record = made_record([{}])
    record.apply(TrialProposed("again", {"x": 1}, "given", (), "retrain"))
    record.apply(TrialReported("again", {"loss": 0.0}))
    record.apply(TrialEnded("again", "completed"))
    assert [one.trial_id for one in search_results(record).trials] == ["t0"]


def test_best_value() -> None:
    reports = [{"loss": 2.0}, {"loss": math.nan}, {"loss": 1.0}, {"other": 0.0}]
    trial = made_record([{"reports": reports}]).trials["t0"]
    assert best_value(trial, "loss", "min") == 1.0
    assert best_value(trial, "loss", "max") == 2.0
    assert math.isnan(best_value(trial, "accuracy", "max"))


def test_a_record_without_objectives_is_refused() -> None:
    with pytest.raises(ValueError, match="never started"):
        first_objective(ExperimentRecord())
