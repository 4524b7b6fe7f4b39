"""The Gaussian process as a predictor: its limits and its prior."""

import numpy as np

from ray_nas.estimators import GaussianProcessPredictor
from ray_nas.estimators.predictors import process_predictor


def test_its_spread_grows_away_from_the_data() -> None:
    features = np.linspace(0, 0.5, 20)[:, None]
    predictor = GaussianProcessPredictor(sample=np.linspace(0, 1, 20)[:, None])
    predictor.fit(features, np.sin(6 * features[:, 0]))
    near, far = predictor.predict(np.array([[0.26], [1.0]])).spread
    assert far > 3 * near


def test_a_prior_mean_orders_what_is_far_from_the_data() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((8, 6))
    predictor = GaussianProcessPredictor(
        sample=rng.random((100, 6)), prior_mean=lambda rows: 3 * (rows[:, 0] - 0.5)
    )
    predictor.fit(features, features[:, 0] + 0.01 * rng.random(8))
    low, high = predictor.predict(np.array([[0.0] + 5 * [3.0], [1.0] + 5 * [3.0]])).mean
    assert low < high


def test_many_architectures_are_thinned_out_evenly(monkeypatch) -> None:
    assert process_predictor._spread_out(3, 3) == [0, 1, 2]
    assert process_predictor._spread_out(10, 5) == [0, 2, 4, 6, 8]
    monkeypatch.setattr(process_predictor, "_MAX_CONDITIONED", 100)
    features = np.random.default_rng(0).random((1000, 3))
    predictor = GaussianProcessPredictor()
    predictor.fit(features, features.sum(axis=1))
    error = predictor.predict(features).mean - features.sum(axis=1)
    assert np.abs(error).mean() < 0.05
