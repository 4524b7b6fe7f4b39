"""Arguments and the spread of boosted trees."""

import numpy as np
import pytest

from ray_nas.estimators import GradientBoosting


def test_its_spread_is_larger_where_scores_scatter() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((400, 1))
    scores = np.where(features[:, 0] > 0.5, rng.normal(size=400), 0.1 * rng.normal(size=400))
    predictor = GradientBoosting(trees=60, ensembles=8)
    predictor.fit(features, scores)
    spread = predictor.predict(np.linspace(0.1, 0.9, 81)[:, None]).spread
    assert np.median(spread[45:]) > 3 * np.median(spread[:35])


@pytest.mark.parametrize(
    "argument", [{"trees": 0}, {"learning_rate": 0.0}, {"learning_rate": 1.5}, {"ensembles": 1}]
)
def test_bad_arguments_are_named(argument) -> None:
    with pytest.raises(ValueError, match=next(iter(argument))):
        GradientBoosting(**argument)
