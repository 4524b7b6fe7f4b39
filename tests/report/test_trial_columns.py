"""The columns of the table hold what the record holds."""

import math
from typing import Any

import pandas as pd
import pytest
from made_record import evolved_trials, made_record

from ray_nas.record.events import TrialsImported
from ray_nas.report.trial_columns import expand, trial_columns


def decoded(column: dict[str, Any]) -> list[Any]:
    return [column["names"][code] for code in column["codes"]]


def test_columns_equal_pandas() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    table = expand(trial_columns(record).payload)
    trials = list(record.trials.values())
    frame = pd.DataFrame([one.metrics for one in trials])
    assert table["id"] == [one.trial_id for one in trials]
    (objective,) = table["objectives"]
    assert objective["last"] == pytest.approx(frame["accuracy"].tolist(), rel=1e-5)
    best = [max(report["accuracy"] for report in one.reports) for one in trials]
    assert objective["best"] == pytest.approx(best, rel=1e-5)
    for name in ("params", "time_total_s"):
        assert table["more"][name] == pytest.approx(frame[name].tolist(), rel=1e-5)
    configs = pd.DataFrame([one.config for one in trials])
    for name in configs:
        assert decoded(table["choices"][name]) == configs[name].tolist()
    parents = [[table["id"][place] for place in places or []] for places in table["parents"]]
    assert parents == [list(one.parents) for one in trials]
    assert decoded(table["reason"]) == [one.reason for one in trials]


def test_what_is_not_finite_is_null() -> None:
    reports = [{"loss": math.nan, "other": math.inf}]
    table = expand(trial_columns(made_record([{"reports": reports}])).payload)
    assert table["objectives"][0]["last"] == [None]
    assert table["more"]["other"] == [None]


def test_values_of_every_kind() -> None:
    values = [1, True, "1", None, 0.1, [1, 2], 1]
    trials = [{"config": {"x": value, "y": 0}} for value in values]
    table = expand(trial_columns(made_record(trials)).payload)
    assert decoded(table["choices"]["x"]) == [1, "true", "1", None, 0.1, "[1, 2]", 1]


def test_metrics_that_matter_least_are_left_out_of_a_large_table() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max"})
    whole = trial_columns(record)
    assert whole.omitted == []
    small = trial_columns(record, limit=len(whole.payload) - 1)
    assert small.omitted == ["params"]
    assert expand(small.payload)["objectives"] == expand(whole.payload)["objectives"]
    tiny = trial_columns(record, limit=1)
    assert set(tiny.omitted) == {"params", "training_iteration", "time_total_s"}


def test_imported_trials_come_last() -> None:
    record = made_record([{"id": "a"}])
    imported = {"old": {"config": {"x": 2}, "metrics": {"loss": 3.0}}}
    record.apply(TrialsImported(imported, same_task=True))
    table = expand(trial_columns(record).payload)
    assert table["id"] == ["a", "old"]
    assert decoded(table["move"]) == ["random", "earlier"]
