"""What scores are expected to rise with before the first result: a line through features.

It is learnt from another measure of the configs. The number of parameters is one: it ranks the
cells of NAS-Bench-201 about as well as the better zero-cost proxies do, and needs no data (White et
al., 2022: https://arxiv.org/abs/2210.03230). The ranks of an earlier experiment on another task are
another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from ray_nas.estimators.arrays import Array
from ray_nas.spaces.core.search_space import Config, SearchSpace

_COUNTED: Final = 64
"""Networks whose parameters are counted."""
_RIDGES: Final = tuple(10.0 ** np.arange(-2, 4))
_REACH: Final = 3.0
"""The prior mean is clipped to this many standard deviations."""

_cache: WeakKeyDictionary[SearchSpace, "PriorMean | None"] = WeakKeyDictionary()
"""Counting takes seconds, and a space does not change."""


@dataclass(frozen=True)
class PriorMean:
    """A linear function of features, of mean 0 and variance 1 over the space, clipped to [-3, 3].

    Made by `fit_prior_mean` and `parameter_count_prior`.

    Example:
        >>> import numpy as np
        >>> prior_mean = PriorMean(offset=-1.0, weights=np.array([2.0]))
        >>> prior_mean(np.array([[0.0], [1.0], [9.0]])).tolist()
        [-1.0, 1.0, 3.0]
    """

    offset: float
    weights: Array
    """Shape (features,)."""

    def __call__(self, features: Array) -> Array:
        """The prior mean at each row of `features`, shape (rows,)."""
        mean: Array = np.clip(self.offset + features @ self.weights, -_REACH, _REACH)
        return mean


def fit_prior_mean(features: Array, measures: Array, sample: Array) -> PriorMean | None:
    """Ridge regression of a measure on features; the ridge has the least leave-one-out error.

    Args:
        features: Of the configs whose measure is known, shape (configs, features).
        measures: What scores are expected to rise with, shape (configs,).
        sample: Features of configs drawn from the space, for the scale, shape (drawn, features).

    Returns:
        The prior mean; None if features do not predict the measure.

    Example:
        >>> import numpy as np
        >>> features = np.random.default_rng(0).random((50, 2))
        >>> prior_mean = fit_prior_mean(features, features[:, 0], features)
        >>> round(float(prior_mean(features).std()), 2)
        1.0
    """
    measures = measures - measures.mean()
    left, sizes, right = np.linalg.svd(features - features.mean(0), full_matrices=False)
    along = left.T @ measures
    best, weights = float(measures @ measures), None
    for ridge in _RIDGES:
        shrunk = sizes**2 / (sizes**2 + ridge)
        freedom = 1.0 - 1.0 / len(measures) - (left**2) @ shrunk
        residuals = (measures - left @ (shrunk * along)) / np.maximum(freedom, 1e-9)
        error = float((residuals**2).sum())
        if error < best:
            best, weights = error, right.T @ (along * sizes / (sizes**2 + ridge))
    spread = float((sample @ weights).std()) if weights is not None else 0.0
    if weights is None or spread == 0.0:
        return None
    return PriorMean(-float((sample @ weights).mean()) / spread, weights / spread)


def parameter_count_prior(
    space: SearchSpace, configs: Sequence[Config], sample: Array
) -> PriorMean | None:
    """The prior mean that rises with the logarithm of the parameter count.

    Args:
        space: Its networks are counted on the meta device, once for each space.
        configs: Drawn from the space.
        sample: Their features, shape (configs, features).

    Returns:
        The prior mean; None if the space builds no networks.

    Example:
        >>> import numpy as np
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=8, outputs=2, max_layers=2)
        >>> configs = space.sample(size=20, random_state=np.random.default_rng(0))
        >>> sample = np.array([space.features(config) for config in configs])
        >>> prior_mean = parameter_count_prior(space, configs, sample)
        >>> prior_mean(sample).shape
        (20,)
    """
    if space not in _cache:
        counts = [space.parameter_count(config) for config in configs[:_COUNTED]]
        logs = np.log1p([count for count in counts if count is not None])
        all_counted = len(logs) == len(counts)
        _cache[space] = fit_prior_mean(sample[:_COUNTED], logs, sample) if all_counted else None
    return _cache[space]
