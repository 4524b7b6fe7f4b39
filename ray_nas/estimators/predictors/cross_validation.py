"""How well a predictor ranks architectures that it was not fitted to."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from ray_nas.checks import check_int
from ray_nas.estimators.arrays import Array
from ray_nas.estimators.correlation import RankCorrelation, rank_correlation
from ray_nas.estimators.predictors.predictor import Predictor

FOLDS: Final = 5
MIN_SCORED: Final = 2 * FOLDS
"""Fewer scored architectures are too few for five folds."""


def cross_validated_rank_correlation(
    predictor: Predictor,
    features: Array,
    scores: Array,
    rng: np.random.Generator,
    *,
    folds: int = FOLDS,
    resamples: int = 1000,
) -> RankCorrelation:
    """Rank correlation of the scores with what the predictor said without having seen them.

    The interval is over the architectures; it leaves out what another division into folds, or
    another draw of the architectures that the predictor was fitted to, would change.

    Args:
        predictor: Fitted once for each fold, to the other folds; its last fit remains.
        features: Finite, shape (architectures, features).
        scores: Finite, larger is better, shape (architectures,).
        rng: Draws the folds and the resamples.
        folds: How many, from 2.
        resamples: Bootstrap samples.

    Raises:
        ValueError: There are fewer than two architectures for each fold.

    Example:
        >>> import numpy as np
        >>> from ray_nas.estimators.predictors import GaussianProcessPredictor
        >>> rng = np.random.default_rng(0)
        >>> features = rng.random((30, 3))
        >>> found = cross_validated_rank_correlation(
        ...     GaussianProcessPredictor(), features, features.sum(axis=1), rng, resamples=100
        ... )
        >>> found.spearman.value > 0.9
        True
    """
    check_int("folds", folds, low=2)
    if len(scores) < 2 * folds:
        raise ValueError(
            f"scores must be at least two for each of the {folds} folds, got {len(scores)}"
        )
    predicted = np.zeros(len(scores))
    for held_out in _balanced_folds(scores, folds, rng):
        others = np.setdiff1d(np.arange(len(scores)), held_out)
        predictor.fit(features[others], scores[others])
        predicted[held_out] = predictor.predict(features[held_out]).mean
    return rank_correlation(predicted, scores, rng, resamples=resamples)


def _balanced_folds(scores: Array, folds: int, rng: np.random.Generator) -> Iterator[Array]:
    """The indices of each fold; each fold has its share of the good and of the bad.

    Otherwise a predictor that has learnt nothing would rank backwards: the mean of the other folds
    is low where a fold is good.
    """
    order = np.argsort(scores, kind="stable")
    blocks = [rng.permutation(folds) for _ in range(-(-len(scores) // folds))]
    fold_of_rank = np.concatenate(blocks)[: len(scores)]
    for fold in range(folds):
        yield np.sort(order[fold_of_rank == fold])
