"""What holds for every predictor."""

from collections.abc import Callable

import numpy as np
import pytest

from ray_nas.estimators import (
    GaussianProcessPredictor,
    GradientBoosting,
    Predictor,
    RandomForest,
    rank_correlation,
)

PREDICTORS: dict[str, Callable[[], Predictor]] = {
    "GaussianProcessPredictor": GaussianProcessPredictor,
    "RandomForest": RandomForest,
    "GradientBoosting": GradientBoosting,
}


@pytest.fixture(params=PREDICTORS)
def make(request: pytest.FixtureRequest) -> Callable[[], Predictor]:
    return PREDICTORS[request.param]


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Scores in percent that depend on two of five features; one training has diverged."""
    rng = np.random.default_rng(0)
    features = rng.random((120, 5))
    scores = 90 + 4 * features[:, 0] - 3 * features[:, 1] ** 2
    scores[7] = 10.0
    return features, scores


def test_it_ranks_what_it_has_not_seen(make, data) -> None:
    features, scores = data
    predictor = make()
    predictor.fit(features[:80], scores[:80])
    mean, spread = predictor.predict(features[80:])
    found = rank_correlation(mean, scores[80:], np.random.default_rng(0))
    assert found.spearman.value > 0.8
    assert np.abs(mean - scores[80:]).mean() < 0.8, "in the unit of the scores"
    assert spread.shape == (40,)
    assert (spread >= 0).all()
    assert np.isfinite(spread).all()


def test_it_is_surer_of_what_it_has_seen(make, data) -> None:
    features, scores = data
    predictor = make()
    seen = np.flatnonzero(features[:, 0] < 0.5)
    predictor.fit(features[seen], scores[seen])
    errors = np.abs(predictor.predict(features[seen]).mean - scores[seen])
    assert np.median(errors) < 0.3


def test_the_last_fit_alone_counts_and_repeats(make, data) -> None:
    features, scores = data
    fresh, used = make(), make()
    used.fit(features[60:], -scores[60:])
    for predictor in (fresh, used):
        predictor.fit(features[:60], scores[:60])
    for first, second in zip(fresh.predict(features), used.predict(features), strict=True):
        assert np.array_equal(first, second)


def test_equal_scores_and_one_score_are_predicted(make) -> None:
    features = np.random.default_rng(0).random((12, 3))
    for count in (1, 12):
        predictor = make()
        predictor.fit(features[:count], np.full(count, 0.5))
        assert predictor.predict(features).mean == pytest.approx(np.full(12, 0.5))


def test_predict_before_fit_says_so(make) -> None:
    with pytest.raises(RuntimeError, match="needs a call of fit before it"):
        make().predict(np.zeros((1, 2)))
