"""What cross-validation says of predictors whose worth is known."""

import numpy as np
import pytest

from ray_nas.estimators import (
    GaussianProcessPredictor,
    Prediction,
    cross_validated_rank_correlation,
    rank_correlation,
)


class Mean:
    """Predicts the mean of what it was fitted to."""

    def fit(self, features, scores):
        self.mean = scores.mean()

    def predict(self, features):
        return Prediction(np.full(len(features), self.mean), np.zeros(len(features)))


class Memory:
    """Knows what it has seen by heart, and nothing else."""

    def fit(self, features, scores):
        self.seen = dict(zip(map(bytes, features), scores, strict=True))

    def predict(self, features):
        mean = np.array([self.seen.get(bytes(row), 0.0) for row in features])
        return Prediction(mean, np.zeros(len(features)))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_it_agrees_with_a_fresh_sample(rng: np.random.Generator) -> None:
    features = rng.random((2060, 4))
    scores = features @ [2.0, -1.0, 0.5, 0.0] + 0.5 * rng.normal(size=2060)
    predictor = GaussianProcessPredictor()
    found = cross_validated_rank_correlation(predictor, features[:60], scores[:60], rng)
    predictor.fit(features[:60], scores[:60])
    fresh = rank_correlation(predictor.predict(features[60:]).mean, scores[60:], rng, resamples=1)
    assert found.pairs == 60
    assert found.spearman.low < fresh.spearman.value < found.spearman.high
    assert found.kendall.low < fresh.kendall.value < found.kendall.high


@pytest.mark.parametrize("predictor", [Mean(), GaussianProcessPredictor()], ids=["mean", "process"])
def test_noise_is_not_ranked_forwards_or_backwards(predictor, rng: np.random.Generator) -> None:
    found = [
        cross_validated_rank_correlation(
            predictor, rng.random((40, 3)), rng.normal(size=40), rng, resamples=1
        ).spearman.value
        for _ in range(25)
    ]
    assert abs(np.nanmean(found)) < 0.12


def test_what_it_is_asked_about_was_held_out(rng: np.random.Generator) -> None:
    found = cross_validated_rank_correlation(Memory(), rng.random((30, 2)), rng.random(30), rng)
    assert np.isnan(found.spearman.value), "all predictions are equal"


def test_too_few_scores_are_named(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="two for each of the 5 folds, got 9"):
        cross_validated_rank_correlation(Mean(), np.zeros((9, 1)), np.zeros(9), rng)
