"""Extrapolated scores of trials that were stopped early."""

import numpy as np
import pytest

from ray_nas.estimators.predictors import final_scores


def test_early_values_follow_the_line_of_the_finished_trials() -> None:
    finished = [
        [(1.0, level), (3.0, level + 1.0), (9.0, 2.0 * level + 3.0)]
        for level in np.linspace(0.0, 10.0, 30)
    ]
    scores, variances = final_scores([*finished, [(1.0, 4.0)], [(1.0, 2.0), (3.0, 5.0)]])
    assert scores[:30] == pytest.approx([2.0 * level + 3.0 for level in np.linspace(0.0, 10.0, 30)])
    assert not variances[:30].any()
    assert scores[30] == pytest.approx(11.0, abs=0.3)
    assert scores[31] == pytest.approx(11.0, abs=0.3)
    assert 0.0 < variances[30] < 2.0


def test_one_finished_trial_shifts_the_others_with_high_variance() -> None:
    scores, variances = final_scores([[(1.0, 1.0), (2.0, 5.0)], [(1.0, 3.0)], [(0.5, 2.0)]])
    assert scores.tolist() == [5.0, 7.0, 2.0]
    assert variances[0] == 0.0
    assert min(variances[1:]) >= 0.0
    assert variances[1] > 0.0
