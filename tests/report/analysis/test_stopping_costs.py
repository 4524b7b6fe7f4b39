"""What stopping saved equals pandas; who was ahead of the winner."""

import math

import pandas as pd
import pytest
from made_record import evolved_trials, made_record

from ray_nas.report.analysis.search_results import search_results
from ray_nas.report.analysis.stopping_costs import NUMBER, stopped_trials


def curve(*losses: float, time: str = "training_iteration") -> list[dict[str, float]]:
    return [{"loss": loss, time: float(number)} for number, loss in enumerate(losses, start=1)]


def test_savings_equal_pandas() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    found = stopped_trials(search_results(record))
    times = pd.Series(
        [
            one.metrics["training_iteration"]
            for one in record.trials.values()
            if one.status == "completed"
        ]
    )
    assert found.full == times.max()
    assert found.saved == (times.max() - times).sum()
    assert found.spent == times.sum()
    assert len(found.stopped) == (times < times.max()).sum()


def test_who_was_ahead_of_the_winner() -> None:
    record = made_record(
        [
            {"id": "winner", "reports": curve(0.9, 0.5, 0.1)},
            {"id": "ahead", "reports": curve(0.8)},
            {"id": "behind", "reports": curve(0.8, 0.6)},
            {"id": "full", "reports": curve(0.7, 0.6, 0.5)},
        ]
    )
    found = stopped_trials(search_results(record))
    assert found.winner is not None
    assert found.winner.trial_id == "winner"
    assert {one.trial.trial_id: one.was_ahead for one in found.stopped} == {
        "ahead": True,
        "behind": False,
    }
    assert (found.ahead, found.compared) == (1, 2)


def test_another_budget_and_none() -> None:
    trials = [{"reports": curve(0.9, 0.5, time="epoch")}, {"reports": curve(0.9, time="epoch")}]
    record = made_record(trials)
    assert stopped_trials(search_results(record), time_attr="epoch").time_attr == "epoch"
    numbered = stopped_trials(search_results(record), time_attr="steps")
    assert (numbered.time_attr, numbered.full, numbered.saved) == (NUMBER, 2.0, 1.0)


def test_nothing_completed() -> None:
    found = stopped_trials(search_results(made_record([{"status": "error"}])))
    assert (found.stopped, found.finished, found.winner) == ([], [], None)
    assert math.isnan(found.full)
    assert found.saved == pytest.approx(0)


def test_values_that_are_not_finite_are_left_out_of_curves() -> None:
    record = made_record([{"reports": curve(0.9, math.nan, 0.5)}, {"reports": curve(0.9)}])
    found = stopped_trials(search_results(record))
    assert found.finished[0][1] == [(1.0, 0.9), (3.0, 0.5)]
