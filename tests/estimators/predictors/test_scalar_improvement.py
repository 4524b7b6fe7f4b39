import numpy as np

from ray_nas.estimators.predictors import GaussianProcess
from ray_nas.estimators.predictors.scalar_improvement import ScalarImprovement
from ray_nas.estimators.predictors.score_scale import fit_score_scale


def test_improvement_is_expected_near_the_front_not_far_behind_it() -> None:
    x = np.linspace(0.0, 1.0, 21)[:, None]
    scores = [1.0 - x[:, 0] ** 2, 1.0 - (x[:, 0] - 0.3) ** 2]  # the front is x in [0, 0.3]
    noise = np.zeros(21)
    scales = [fit_score_scale(score, noise) for score in scores]
    posteriors = [
        GaussianProcess(x).condition(x, scale(score), noise, np.zeros((0, 1)))
        for scale, score in zip(scales, scores, strict=True)
    ]
    for seed in range(5):
        improvement = ScalarImprovement(posteriors, scales, x, np.random.default_rng(seed))
        assert improvement.merits.shape == (21,)
        assert 0.0 <= x[improvement.merits.argmax(), 0] <= 0.35
        near, far = improvement(np.array([[0.16], [0.93]]))
        assert near > far
