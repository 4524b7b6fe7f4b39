"""What scores are believed to rise with before any is known: a line through features, learnt from
other figures of configs.

The number of parameters is such a figure: it ranks the cells of NAS-Bench-201 about as well as the
better zero-cost proxies do, and needs no data (White et al., 2022:
https://arxiv.org/abs/2210.03230). The ranks of an earlier experiment on another task are one too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from ray_nas.estimators.predictors.gaussian_process import Array
from ray_nas.spaces.core.search_space import Config, SearchSpace

_COUNTED: Final = 64
"""Of how many networks the parameters are counted."""
_RIDGES: Final = tuple(10.0 ** np.arange(-2, 4))
_REACH: Final = 3.0
"""How many standard deviations from the mean a trend goes at most."""

_known: WeakKeyDictionary[SearchSpace, "Trend | None"] = WeakKeyDictionary()
"""Counting takes seconds, and a space does not change."""


@dataclass(frozen=True)
class Trend:
    """A linear function of features, of mean 0 and variance 1 over the space, cut off at 3
    standard deviations.
    """

    offset: float
    weights: Array

    def __call__(self, features: Array) -> Array:
        """The trend at each row of `features`, shape (rows,)."""
        trend: Array = np.clip(self.offset + features @ self.weights, -_REACH, _REACH)
        return trend


def fit_trend(features: Array, figures: Array, sample: Array) -> Trend | None:
    """Ridge regression of figures on features, as strict as predicts best what is left out.

    Args:
        features: Of the configs whose figures are known, shape (number, features).
        figures: To rise with, shape (number,).
        sample: Features of configs drawn from the space, shape (configs, features): they set the
            trend's scale.

    Returns:
        The trend, None if the features tell nothing about the figures.
    """
    figures = figures - figures.mean()
    left, sizes, right = np.linalg.svd(features - features.mean(0), full_matrices=False)
    along = left.T @ figures
    best, weights = float(figures @ figures), None
    for ridge in _RIDGES:
        shrunk = sizes**2 / (sizes**2 + ridge)
        freedom = 1.0 - 1.0 / len(figures) - (left**2) @ shrunk
        error = float(
            (((figures - left @ (shrunk * along)) / np.maximum(freedom, 1e-9)) ** 2).sum()
        )
        if error < best:
            best, weights = error, right.T @ (along * sizes / (sizes**2 + ridge))
    spread = float((sample @ weights).std()) if weights is not None else 0.0
    if weights is None or spread == 0.0:
        return None
    return Trend(-float((sample @ weights).mean()) / spread, weights / spread)


def capacity(space: SearchSpace, configs: Sequence[Config], sample: Array) -> Trend | None:
    """The trend with the logarithm of the parameter count, None where the space builds no networks.

    Args:
        space: Whose networks are counted, on the meta device; once for each space.
        configs: Drawn from the space.
        sample: Their features, shape (configs, features).
    """
    if space not in _known:
        counts = [space.parameter_count(config) for config in configs[:_COUNTED]]
        logs = np.log1p([count for count in counts if count is not None])
        _known[space] = (
            fit_trend(sample[:_COUNTED], logs, sample) if len(logs) == len(counts) else None
        )
    return _known[space]
