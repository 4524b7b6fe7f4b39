"""Which trials of an experiment count as trained to the end."""

import math

import pytest

from ray_nas.estimators.final_results import final_results


def test_trials_of_full_length_count(make_record) -> None:
    record = make_record([[1, 2, 3], [5, 4], [0, 0, 9]], ends={1: ("completed", "rung")})
    found = final_results(record, "epoch")
    assert [trial.trial_id for trial in found.trials] == ["0", "2"]
    assert (found.quality.tolist(), found.full) == ([3, 9], 3)
    assert found.curves[1] == [(1, 0), (2, 0), (3, 9)]
    assert found.notes == ["Left out: 1 trial that ended before epoch 3."]


def test_a_shorter_full_length_takes_more_trials_with_their_value_there(make_record) -> None:
    record = make_record([[1, 2, 3], [5, 4]], mode="min")
    found = final_results(record, "epoch", max_t=2)
    assert found.quality.tolist() == [-2, -4]
    with pytest.raises(ValueError, match="max_t must be reached by a trial"):
        final_results(record, "epoch", max_t=4)


def test_failures_and_what_is_not_finite_are_left_out_and_counted(make_record) -> None:
    record = make_record(
        [[1, 2], [1, math.nan], [math.inf, math.inf], [1, 2], [1, 2], []],
        ends={3: ("error", "crash"), 4: ("unfinished", ""), 5: ("infeasible", "too large")},
    )
    found = final_results(record, "epoch")
    assert [trial.trial_id for trial in found.trials] == ["0"]
    assert found.notes == ["Left out: 4 trials without a finite score."]


def test_retrainings_do_not_set_the_full_length(make_record) -> None:
    record = make_record([[1, 2], [3, 4], [1, 2, 3, 4, 5]], roles={2: "retrain"})
    found = final_results(record, "epoch")
    assert (len(found.trials), found.full) == (2, 2)


def test_without_a_time_those_that_were_not_stopped_count(make_record) -> None:
    record = make_record([[1, 2], [3]], ends={1: ("completed", "below the median")})
    found = final_results(record, "step")
    assert found.quality.tolist() == [2]
    assert found.notes == [
        "Left out: 1 trial stopped early.",
        "No rungs: no trial reported 'step'.",
    ]


def test_no_trial_at_all(make_record) -> None:
    found = final_results(make_record([]), "epoch")
    assert (found.trials, found.quality.shape) == ([], (0,))
