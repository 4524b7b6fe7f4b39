"""The scale on which scores are predicted."""

import numpy as np
import pytest

from ray_nas.estimators.predictors import standardize_scores


def test_order_is_kept_and_the_best_are_spread() -> None:
    scores = np.array([10.0, 90.0, 91.0, 91.5, 91.6])
    values, noise = standardize_scores(scores, np.zeros(5))
    assert list(np.argsort(values)) == [0, 1, 2, 3, 4]
    assert values[4] - values[2] > 2.0 * (values[1] - values[0]) / (90.0 - 10.0)
    assert values.mean() == pytest.approx(0.0, abs=1e-12)
    assert not noise.any()
    equal, _ = standardize_scores(np.full(3, 5.0), np.zeros(3))
    assert not equal.any()


def test_an_extrapolated_score_does_not_set_the_scale() -> None:
    values, noise = standardize_scores(
        np.array([1.0, 2.0, 3.0, 9.0]), np.array([0.0, 0.0, 0.0, 4.0])
    )
    assert values[3] == values[2]
    assert noise[3] > 0.0
    assert noise[2] == 0.0
