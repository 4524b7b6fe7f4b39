"""Finished curves of earlier experiments, from any source."""

import math

import pandas as pd
import pytest

from ray_nas.record.experiment import ExperimentRecord, TrialRecord
from ray_nas.schedulers.core.earlier_curves import read_prior


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"trial": 0, "depth": 2, "epoch": [1, 2, 3], **columns})


def record(*losses: float) -> ExperimentRecord:
    record = ExperimentRecord()
    reports = [{"epoch": epoch + 1.0, "loss": loss} for epoch, loss in enumerate(losses)]
    record.trials["a"] = TrialRecord("a", {"depth": 3}, "random", (), reports=reports)
    return record


def test_smaller_is_better_is_negated_and_later_reports_are_ignored() -> None:
    loss = frame(loss=[0.9, 0.7, 0.6])
    assert read_prior(loss, "epoch", "loss", "min", 2) == [
        ({"depth": 2}, [(1.0, -0.9), (2.0, -0.7)])
    ]
    assert read_prior(loss, "epoch", "loss", "max", 3)[0][1][-1] == (3.0, 0.6)


def test_several_sources_are_joined() -> None:
    curves = read_prior([frame(loss=0.5), record(0.9, 0.8, 0.7)], "epoch", "loss", "min", 3)
    assert [config for config, _ in curves] == [{"depth": 2}, {"depth": 3}]


def test_only_full_curves_and_diverged_ones_are_used() -> None:
    sources = [record(0.9), record(0.9, math.inf), record(0.9, 0.8, 0.7)]
    curves = read_prior(sources, "epoch", "loss", "min", 3)
    assert [len(curve) for _, curve in curves] == [2, 3]
    assert math.isnan(curves[0][1][-1][1])


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(ValueError, match="'loss' that reaches max_t = 100 in 'epoch'"):
        read_prior(frame(loss=0.5), "epoch", "loss", "min", 100)
    with pytest.raises(ValueError, match="needs a column 'accuracy'"):
        read_prior(frame(loss=0.5), "epoch", "accuracy", "max", 3)
    with pytest.raises(TypeError, match="must be a record, its path, a data frame"):
        read_prior(3, "epoch", "loss", "min", 3)
