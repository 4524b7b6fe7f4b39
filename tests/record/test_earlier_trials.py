"""Trials and curves from records, data frames and pairs."""

from pathlib import Path

import pandas as pd
import pytest

from ray_nas.record.earlier_trials import EarlierTrial, earlier_curves, earlier_trials
from ray_nas.record.log import EventLog


def test_a_record_and_its_folder_are_the_same_source(log: EventLog, tmp_path: Path) -> None:
    log.save(tmp_path)
    trials = earlier_trials(tmp_path)
    assert [trial.reports for trial in trials] == [
        [{"loss": 2.0}],
        [{"loss": 1.0}],
        [{"loss": 3.0}],
    ]
    assert all(trial.usable for trial in trials)


def test_a_data_frame_has_a_row_per_trial_and_may_have_empty_cells() -> None:
    frame = pd.DataFrame({"depth": [1.0, None], "loss": [0.5, 0.4]})
    assert earlier_trials(frame) == [
        EarlierTrial({"depth": 1.0, "loss": 0.5}, [{"depth": 1.0, "loss": 0.5}]),
        EarlierTrial({"loss": 0.4}, [{"loss": 0.4}]),
    ]


def test_curves_of_a_data_frame_have_a_row_per_report() -> None:
    frame = pd.DataFrame(
        {"trial": ["a", "a", "b"], "epoch": [2, 1, 1], "loss": [0.5, 0.9, 0.7], "depth": [3, 3, 4]}
    )
    assert list(earlier_curves(frame, "epoch", "loss")) == [
        ({"depth": 3}, [(1, 0.9), (2, 0.5)]),
        ({"depth": 4}, [(1, 0.7)]),
    ]
    with pytest.raises(ValueError, match="prior needs a column 'time'"):
        list(earlier_curves(frame, "time", "loss"))
    with pytest.raises(TypeError, match="got int"):
        list(earlier_curves(3, "epoch", "loss"))
