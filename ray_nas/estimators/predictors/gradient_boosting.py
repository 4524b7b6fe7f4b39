"""Stochastic gradient boosting (Friedman, 2002), scikit-learn's.

https://doi.org/10.1016/S0167-9473(01)00065-2
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from ray_nas.checks import check_float, check_int
from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.predictor import Prediction
from ray_nas.estimators.predictors.score_scale import ScoreScale, fit_score_scale

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingRegressor

_DEPTH: Final = 3
_SHARE_OF_ROWS: Final = 0.7
"""Architectures that each tree sees."""
_SHARE_OF_FEATURES: Final = 1 / 3
"""Features that each split chooses from."""


class GradientBoosting:
    """Boosted trees over features, fitted to scores on the `ScoreScale`.

    Boosting has no spread of its own: several ensembles are fitted, each to a bootstrap sample. The
    mean of their predictions is the prediction, the standard deviation its spread.

    Args:
        trees: Trees of each ensemble.
        learning_rate: By how much each tree's correction is shrunk, in (0, 1].
        ensembles: How many, from 2.
        seed: Seeds each fit.

    Example:
        >>> import numpy as np
        >>> features = np.random.default_rng(0).random((60, 2))
        >>> predictor = GradientBoosting(trees=50)
        >>> predictor.fit(features, features[:, 0])
        >>> mean, spread = predictor.predict(np.array([[0.1, 0.5], [0.9, 0.5]]))
        >>> bool(mean[0] < 0.4 < 0.6 < mean[1]), bool(spread.min() > 0)
        (True, True)
    """

    def __init__(
        self,
        *,
        trees: int = 100,
        learning_rate: float = 0.1,
        ensembles: int = 4,
        seed: int = 0,
    ) -> None:
        check_int("trees", trees, low=1)
        check_float("learning_rate", learning_rate, above=0, high=1)
        check_int("ensembles", ensembles, low=2)
        self._trees = trees
        self._learning_rate = learning_rate
        self._number = ensembles
        self._seed = seed
        self._ensembles: list[GradientBoostingRegressor] = []
        self._scale: ScoreScale | None = None

    def fit(self, features: Array, scores: Array) -> None:
        """Fits new ensembles."""
        self._scale = fit_score_scale(scores, np.zeros(len(scores)))
        values = self._scale(scores)
        rng = np.random.default_rng(self._seed)
        self._ensembles = []
        for _ in range(self._number):
            drawn = rng.integers(len(scores), size=len(scores))
            share = _SHARE_OF_ROWS if len(scores) > 1 else 1.0
            ensemble = self._new_ensemble(share, int(rng.integers(2**31)))
            self._ensembles.append(ensemble.fit(features[drawn], values[drawn]))

    def predict(self, features: Array) -> Prediction:
        """The predicted scores and their spread.

        Raises:
            RuntimeError: It was not fitted.
        """
        if self._scale is None:
            raise RuntimeError("GradientBoosting.predict needs a call of fit before it")
        votes = np.array([ensemble.predict(features) for ensemble in self._ensembles])
        return Prediction(self._scale.invert(votes.mean(0)), self._scale.invert(votes).std(0))

    def _new_ensemble(self, share_of_rows: float, seed: int) -> "GradientBoostingRegressor":
        from sklearn.ensemble import GradientBoostingRegressor  # takes a second to import

        return GradientBoostingRegressor(
            n_estimators=self._trees,
            learning_rate=self._learning_rate,
            max_depth=_DEPTH,
            subsample=share_of_rows,
            max_features=_SHARE_OF_FEATURES,
            random_state=seed,
        )
