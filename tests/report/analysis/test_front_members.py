"""The Pareto front equals a check of all pairs in pandas."""

import math

import pandas as pd
from made_record import evolved_trials, made_record

from ray_nas.report.analysis.front_members import front_of


def test_the_front_equals_all_pairs() -> None:
    record = made_record(evolved_trials(), {"accuracy": "max", "params": "min"})
    rows = [one for one in record.trials.values() if one.status == "completed"]
    frame = pd.DataFrame([one.metrics for one in rows], index=[one.trial_id for one in rows])
    expected = []
    for name, row in frame.iterrows():
        as_good = (frame["accuracy"] >= row["accuracy"]) & (frame["params"] <= row["params"])
        better = (frame["accuracy"] > row["accuracy"]) | (frame["params"] < row["params"])
        if not (as_good & better).any():
            expected.append(name)
    front = front_of(record)
    found = [front.trials[index].trial_id for index in front.members]
    assert sorted(found) == sorted(expected)
    values = [front.values[index, 0] for index in front.members]
    assert values == sorted(values, reverse=True)


def test_missing_and_non_finite_objectives_are_left_out() -> None:
    reports = [{"a": 1.0}, {"a": 1.0, "b": math.nan}, {"a": 1.0, "b": 2.0}]
    record = made_record([{"reports": [one]} for one in reports], {"a": "max", "b": "min"})
    assert [one.trial_id for one in front_of(record).trials] == ["t2"]
    assert front_of(made_record([], {"a": "max", "b": "min"})).members == []
