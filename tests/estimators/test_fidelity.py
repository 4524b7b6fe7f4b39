"""Rank correlations whose values are known."""

import math

import numpy as np
import pytest

from ray_nas.estimators import fidelity_report
from ray_nas.record import ExperimentRecord
from ray_nas.record.events import (
    ExperimentStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
)


def record(curves) -> ExperimentRecord:
    record = ExperimentRecord()
    record.apply(ExperimentStarted("RandomSearch", "abc", {"score": "max"}, 0))
    for number, curve in enumerate(curves):
        record.apply(TrialProposed(str(number), {}, "random", ()))
        for epoch, value in enumerate(curve, start=1):
            report = {"epoch": float(epoch), "score": float(value)}
            record.apply(TrialReported(str(number), report))
        record.apply(TrialEnded(str(number), "completed"))
    return record


def test_perfect_and_reversed_ranks():
    curves = [[-i, i, i, i, i, i, i, i, i] for i in range(20)]
    report = fidelity_report(record(curves), time_attr="epoch", rungs=[1, 3], resamples=50)
    assert [rung.correlation for rung in report.rungs] == pytest.approx([-1, 1])
    assert report.rungs[1].trials == 20


def test_interval_holds_the_correlation_of_noise():
    rng = np.random.default_rng(0)
    report = fidelity_report(record(rng.random((60, 9))), time_attr="epoch", seed=0)
    assert [rung.time for rung in report.rungs] == [1, 3]
    for rung in report.rungs:
        assert rung.low < rung.correlation < rung.high
        assert abs(rung.correlation) < 0.4
    assert "60 trials" in str(report)


def test_stopped_trials_do_not_count():
    curves = [[i, i, i] for i in range(8)] + [[100.0]]
    assert (
        fidelity_report(record(curves), time_attr="epoch", rungs=[1], resamples=20).rungs[0].trials
        == 8
    )


def test_too_few_trials_give_nan_and_none_an_error():
    assert math.isnan(
        fidelity_report(record([[1, 2, 3]] * 3), time_attr="epoch", rungs=[1]).rungs[0].correlation
    )
    with pytest.raises(ValueError, match="time_attr must be reported together"):
        fidelity_report(record([[1, 2]]), time_attr="step")
    with pytest.raises(ValueError, match="must be reached by a trial"):
        fidelity_report(record([[1, 2]]), time_attr="epoch", max_t=10)
