"""The Gaussian process of `Bananas` as a predictor on its own."""

from collections.abc import Callable
from typing import Final

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.gaussian_process import GaussianProcess, Posterior
from ray_nas.estimators.predictors.predictor import Prediction
from ray_nas.estimators.predictors.score_scale import ScoreScale, fit_score_scale

_MAX_FITTED: Final = 150
"""Architectures that the hyperparameters are fitted on; the time grows with the cube."""
_MAX_CONDITIONED: Final = 2_000
"""Architectures that the process is conditioned on."""


class GaussianProcessPredictor:
    """A Gaussian process over features, fitted to scores on the `ScoreScale`.

    Its spread is half the distance between the scores one standard deviation to either side. Of
    more than 2,000 architectures it uses 2,000.

    Args:
        sample: Features of architectures drawn from the space, which set the scale of the prior,
            shape (architectures, features). None for those that it is fitted to.
        prior_mean: What the scores are expected to rise with, as in `GaussianProcess`.

    Example:
        >>> import numpy as np
        >>> features = np.random.default_rng(0).random((40, 3))
        >>> predictor = GaussianProcessPredictor()
        >>> predictor.fit(features[:30], features[:30].sum(axis=1))
        >>> mean, spread = predictor.predict(features[30:])
        >>> bool(np.corrcoef(mean, features[30:].sum(axis=1))[0, 1] > 0.9)
        True
    """

    def __init__(
        self, sample: Array | None = None, prior_mean: Callable[[Array], Array] | None = None
    ) -> None:
        self._sample = sample
        self._prior_mean = prior_mean
        self._posterior: Posterior | None = None
        self._scale: ScoreScale | None = None

    def fit(self, features: Array, scores: Array) -> None:
        """Fits the hyperparameters anew, and conditions the process on the scores."""
        certain = np.zeros(len(scores))
        self._scale = fit_score_scale(scores, certain)
        values = self._scale(scores)
        sample = features if self._sample is None else self._sample
        process = GaussianProcess(sample, self._prior_mean)
        few, many = (_spread_out(len(scores), count) for count in (_MAX_FITTED, _MAX_CONDITIONED))
        process.fit(features[few], values[few], certain[few])
        self._posterior = process.condition(
            features[many], values[many], certain[many], features[:0]
        )

    def predict(self, features: Array) -> Prediction:
        """The predicted scores and their spread.

        Raises:
            RuntimeError: It was not fitted.
        """
        if self._posterior is None or self._scale is None:
            raise RuntimeError("GaussianProcessPredictor.predict needs a call of fit before it")
        mean, deviation = self._posterior.predict(features)
        low, high = (self._scale.invert(mean + side * deviation) for side in (-1, 1))
        return Prediction(self._scale.invert(mean), (high - low) / 2)


def _spread_out(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, evenly spaced."""
    return list(range(count)) if count <= limit else [count * k // limit for k in range(limit)]
