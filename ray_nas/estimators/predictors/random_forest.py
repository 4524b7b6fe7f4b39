"""Random forests (Breiman, 2001): https://doi.org/10.1023/A:1010933404324, scikit-learn's."""

from typing import TYPE_CHECKING, Final

import numpy as np

from ray_nas.checks import check_int
from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.predictor import Prediction
from ray_nas.estimators.predictors.score_scale import ScoreScale, fit_score_scale

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

_SHARE_OF_FEATURES: Final = 1 / 3
"""Features that each split chooses from, as Breiman advises for regression."""


class RandomForest:
    """A random forest over features, fitted to scores on the `ScoreScale`.

    Its spread is the standard deviation of what the single trees predict.

    Args:
        trees: How many.
        seed: Seeds each fit.

    Example:
        >>> import numpy as np
        >>> features = np.random.default_rng(0).random((60, 2))
        >>> predictor = RandomForest(trees=50)
        >>> predictor.fit(features, features[:, 0])
        >>> mean, spread = predictor.predict(np.array([[0.1, 0.5], [0.9, 0.5]]))
        >>> bool(mean[0] < 0.4 < 0.6 < mean[1]), bool(spread.min() > 0)
        (True, True)
    """

    def __init__(self, *, trees: int = 100, seed: int = 0) -> None:
        check_int("trees", trees, low=1)
        self._trees = trees
        self._seed = seed
        self._forest: RandomForestRegressor | None = None
        self._scale: ScoreScale | None = None

    def fit(self, features: Array, scores: Array) -> None:
        """Grows a new forest."""
        from sklearn.ensemble import RandomForestRegressor  # takes a second to import

        self._scale = fit_score_scale(scores, np.zeros(len(scores)))
        self._forest = RandomForestRegressor(
            self._trees, max_features=_SHARE_OF_FEATURES, random_state=self._seed
        )
        self._forest.fit(features, self._scale(scores))

    def predict(self, features: Array) -> Prediction:
        """The predicted scores and their spread.

        Raises:
            RuntimeError: It was not fitted.
        """
        if self._forest is None or self._scale is None:
            raise RuntimeError("RandomForest.predict needs a call of fit before it")
        votes = np.array([tree.predict(features) for tree in self._forest.estimators_])
        return Prediction(self._scale.invert(votes.mean(0)), self._scale.invert(votes).std(0))
