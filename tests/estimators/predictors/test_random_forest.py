"""Arguments and the spread of random forests."""

import numpy as np
import pytest

from ray_nas.estimators import RandomForest


def test_its_spread_is_larger_where_scores_scatter() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((400, 1))
    scores = np.where(features[:, 0] > 0.5, rng.normal(size=400), 0.1 * rng.normal(size=400))
    predictor = RandomForest()
    predictor.fit(features, scores)
    calm, noisy = predictor.predict(np.array([[0.25], [0.75]])).spread
    assert noisy > 3 * calm


def test_another_seed_grows_another_forest() -> None:
    features = np.random.default_rng(0).random((50, 3))
    means = []
    for seed in (0, 1):
        predictor = RandomForest(trees=10, seed=seed)
        predictor.fit(features, features[:, 0])
        means.append(predictor.predict(features).mean)
    assert not np.array_equal(*means)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="trees"):
        RandomForest(trees=0)
