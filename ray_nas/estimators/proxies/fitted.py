"""Predicts architectures from trained ones: an aggregate of proxies, corrected by their results.

After GRAF (Kadlecova et al., 2024), https://arxiv.org/abs/2404.16551, which fits proxies and graph
features; here by a Gaussian process whose prior mean is the aggregate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from scipy.special import ndtri
from scipy.stats import kendalltau, rankdata

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.predictors.gaussian_process import GaussianProcess
from ray_nas.estimators.proxies.aggregate import Aggregate
from ray_nas.estimators.proxies.core.architecture_features import architecture_features
from ray_nas.spaces.core.search_space import SearchSpace

MIN_TRAINED: Final = 32
"""With fewer trained networks, the aggregate alone ranks better than any fit can be trusted to."""
DEFAULT_FEATURES: Final = ("flops", "jacov", "synflow")
"""Proxies that the regression reads beside those of the aggregate."""
_FOLDS: Final = 5
_MAX_FITTED: Final = 256
"""The hyperparameters and the cross-validation use at most this many trained networks."""
_MAX_CONDITIONED: Final = 1024

Row = Mapping[str, float]


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau with the results of trained networks, each predicted from the others."""

    prior: float
    """Of the aggregate alone."""
    fitted: float
    """Of the aggregate corrected by results."""


class Fitted:
    """An `Aggregate` that learns from trained networks.

    A Gaussian process on the ranks of the proxies, the space's features and counts of its choices
    and cells (`architecture_features`) corrects the aggregate, which is its prior mean. With fewer
    than `MIN_TRAINED` results, or where cross-validation finds the correction no better, the
    aggregate alone decides.

    Args:
        batch: `(inputs, labels)` as for `proxies.score`.
        names: Proxies of the aggregate, as for `Aggregate`.
        features: Further proxies, read by the regression alone.
        seed: Seeds the networks' initial weights, the proxies' draws and the folds.
        device: Where networks are built and scored.

    Raises:
        ValueError: As for `Aggregate`.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> space = MLPSpace(inputs=4, outputs=2, max_layers=1, widths=range(8, 48))
        >>> configs = space.sample(size=40, random_state=0)
        >>> batch = (torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), None)
        >>> fitted = Fitted(batch, names=["params"], features=[])
        >>> rows = fitted.measure(space, configs)
        >>> fitted.fit(space, configs, rows, [row["params"] for row in rows])
        >>> fitted.agreement.prior
        1.0
    """

    def __init__(
        self,
        batch: tuple[Any, torch.Tensor | None],
        *,
        names: Sequence[str] | Mapping[str, float] | None = None,
        features: Sequence[str] = DEFAULT_FEATURES,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self._prior = Aggregate(batch, names=names, seed=seed, device=device)
        every = dict.fromkeys((*self._prior.names, *features))
        self._measures = Aggregate(batch, names=tuple(every), seed=seed, device=device)
        self._seed = seed
        self._rows: list[Row] = []
        self._features: list[str] = []
        self._values: Array = np.zeros(0)
        self.agreement: Agreement | None = None
        """Of the last `fit`; None with fewer than `MIN_TRAINED` results."""

    def __call__(self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        """The scores of configs; larger is better."""
        return self.combine(self.measure(space, configs))

    @property
    def measured_names(self) -> tuple[str, ...]:
        """The proxies in a row of `measure`."""
        return self._measures.names

    @property
    def uses_results(self) -> bool:
        """Whether the results of trained networks correct the aggregate."""
        return self.agreement is not None and self.agreement.fitted > self.agreement.prior

    def measure(
        self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, float]]:
        """The proxies and the features of each config, whatever other configs there are."""
        return self.with_features(space, configs, self._measures.measure(space, configs))

    def with_features(
        self, space: SearchSpace, configs: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[dict[str, float]]:
        """Rows of proxies, such as those of a published table, with the configs' features added."""
        return [
            {**row, **architecture_features(space, config)}
            for row, config in zip(rows, configs, strict=True)
        ]

    def fit(
        self,
        space: SearchSpace,
        configs: Sequence[Mapping[str, Any]],
        rows: Sequence[Row],
        values: Sequence[float],
    ) -> None:
        """Learns from trained networks, and forgets those of an earlier call.

        Args:
            space: Their space.
            configs: Their configs.
            rows: Their proxies: rows of `measure`, or of `Aggregate.measure`.
            values: What they reached; larger is better. Networks with a non-finite value are
                skipped.

        Raises:
            ValueError: The three differ in length.
        """
        if not len(configs) == len(rows) == len(values):
            raise ValueError(
                "configs, rows and values must have one length, "
                f"got {len(configs)}, {len(rows)} and {len(values)}"
            )
        finite = np.flatnonzero(np.isfinite(np.array(values, dtype=float)))[-_MAX_CONDITIONED:]
        features = [architecture_features(space, configs[index]) for index in finite]
        self._rows = [{**rows[index], **own} for index, own in zip(finite, features, strict=True)]
        self._features = list(features[0]) if features else []
        self._values = np.array([values[index] for index in finite], dtype=float)
        self.agreement = self._cross_validate() if len(finite) >= MIN_TRAINED else None

    def combine(self, rows: Sequence[Row]) -> list[float]:
        """Scores from rows of `measure`; larger is better.

        Raises:
            ValueError: A row has none of the aggregate's proxies, or lacks a feature.
        """
        if not self.uses_results or not rows:
            return self._prior.combine(rows)
        for index, row in enumerate(rows):
            if absent := next((name for name in self._features if name not in row), None):
                raise ValueError(f"rows must be of Fitted.measure; row {index} lacks {absent}")
        table = self._table([*self._rows, *rows])
        count = len(self._rows)
        return [float(score) for score in _predict(table[:count], self._values, table[count:])]

    def _cross_validate(self) -> Agreement:
        rng = np.random.default_rng(self._seed)
        order = rng.permutation(len(self._values))[:_MAX_FITTED]
        table, values = self._table([self._rows[index] for index in order]), self._values[order]
        predicted = np.zeros(len(values))
        for fold in np.array_split(np.arange(len(values)), _FOLDS):
            others = np.setdiff1d(np.arange(len(values)), fold)
            predicted[fold] = _predict(table[others], values[others], table[fold])
        return Agreement(_kendall(table[:, -1], values), _kendall(predicted, values))

    def _table(self, rows: Sequence[Row]) -> Array:
        """One row of numbers each: ranks of proxies, features, and last the aggregate."""
        proxies = [_ranks([row.get(name) for row in rows]) for name in self._measures.names]
        features = [np.array([row[name] for row in rows]) for name in self._features]
        prior = _normal_scores(np.array(self._prior.combine(rows)))
        return np.column_stack([*proxies, *features, prior])


def _predict(table: Array, values: Array, candidates: Array) -> Array:
    """The mean of a Gaussian process on trained networks, whose prior mean is the last column."""
    process = GaussianProcess(np.concatenate([table, candidates])[-_MAX_FITTED:], _last_column)
    scores, noise = _normal_scores(values), np.zeros(len(values))
    process.fit(table[:_MAX_FITTED], scores[:_MAX_FITTED], noise[:_MAX_FITTED])
    posterior = process.condition(table, scores, noise, table[:0])
    return posterior.predict(candidates)[0]


def _last_column(table: Array) -> Array:
    return table[:, -1]


def _ranks(values: Sequence[float | None]) -> Array:
    """Ranks in (0, 1]; non-finite values come last, missing ones have 1/2."""
    array = np.array([np.nan if value is None else value for value in values], dtype=float)
    ranks: Array = rankdata(np.where(np.isfinite(array), array, -np.inf)) / len(array)
    return np.where([value is None for value in values], 0.5, ranks)


def _normal_scores(values: Array) -> Array:
    """The quantiles of a normal distribution at the values' ranks."""
    scores: Array = ndtri((rankdata(values) - 0.5) / len(values))
    return scores


def _kendall(a: Array, b: Array) -> float:
    """Kendall's tau; zero where one is constant."""
    tau = float(kendalltau(a, b).statistic)
    return tau if np.isfinite(tau) else 0.0
