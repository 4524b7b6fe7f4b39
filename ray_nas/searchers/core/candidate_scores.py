"""Scores of candidates before the first trial: their ranks, their order, and how they agree."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import rankdata

from ray_nas.estimators.arrays import Array
from ray_nas.record.events import CandidatesScored
from ray_nas.spaces.core.search_space import Config

_Z90: Final = 1.645
"""Half width of a two-sided 90 % interval, in standard errors."""
_FEWEST: Final = 4
"""Results from which a correlation has an interval."""


def score_ranks(scores: Sequence[float]) -> Array:
    """Ranks in [0, 1], 1 is best; ties share their mean, and what is not finite shares the last.

    Args:
        scores: Larger is better, shape (candidates,).

    Example:
        >>> score_ranks([0.5, 3.0, float("nan"), 2.0]).round(2).tolist()
        [0.33, 1.0, 0.0, 0.67]
    """
    values = np.array(scores, dtype=np.float64)
    values[~np.isfinite(values)] = -math.inf
    ranks: Array = (rankdata(values) - 1) / max(1, len(values) - 1)
    return ranks


@dataclass(frozen=True)
class Agreement:
    """Rank correlation of scores with results, and its 90 % interval.

    Ranks of scores are those among all candidates, as in `score_ranks`: most results come from the
    best candidates, whose scores hardly differ, and their order must not count as much as their
    distance from the others. The interval is Fisher's, with the variance of Bonett & Wright (2000)
    for ranks: https://doi.org/10.1007/BF02294183.

    Example:
        >>> Agreement.of([0.1, 0.2, 0.3, 0.9, 0.95, 0.97, 0.98, 1.0], list(range(8))).low > 0
        True
    """

    correlation: float
    low: float
    high: float

    @classmethod
    def of(cls, ranks: Sequence[float], results: Sequence[float]) -> "Agreement":
        """The correlation; 0 in [-1, 1] with fewer than 4 results, or if they are all equal.

        Args:
            ranks: The scores' ranks among all candidates.
            results: As many; larger is better.
        """
        if len(ranks) < _FEWEST:
            return cls(0.0, -1.0, 1.0)
        left, right = np.array(ranks, dtype=np.float64), rankdata(results)
        left, right = left - left.mean(), right - right.mean()
        size = math.sqrt(float((left @ left) * (right @ right)))
        if size == 0:
            return cls(0.0, -1.0, 1.0)
        correlation = float(np.clip(left @ right / size, -1, 1))
        error = math.sqrt((1 + correlation**2 / 2) / (len(left) - 3))
        center = math.atanh(float(np.clip(correlation, -0.999, 0.999)))
        low, high = math.tanh(center - _Z90 * error), math.tanh(center + _Z90 * error)
        return cls(correlation, low, high)


class ScoredCandidates:
    """The candidates of a search by their duplicate key.

    Args:
        scored: The event that tells their scores.
        duplicate_key: Returns the key of a config.

    Example:
        >>> scored = CandidatesScored("size", [{"depth": 1}, {"depth": 3}], [1.0, 3.0], 0.0)
        >>> candidates = ScoredCandidates(scored, lambda config: str(config["depth"]))
        >>> candidates.rank("3"), list(candidates.best(1.0, {"3"}.__contains__))
        (1.0, [{'depth': 1}])
    """

    def __init__(self, scored: CandidatesScored, duplicate_key: Callable[[Config], str]) -> None:
        self._configs: list[Config] = scored.configs
        self._keys = [duplicate_key(config) for config in scored.configs]
        ranks = score_ranks(scored.scores)
        self._ranks = dict(zip(self._keys, ranks.tolist(), strict=True))
        self._order = np.argsort(-ranks, kind="stable").tolist()

    def rank(self, key: str) -> float | None:
        """The rank of a candidate, in [0, 1], 1 is best; None for a config that is none."""
        return self._ranks.get(key)

    def best(self, keep: float, is_known: Callable[[str], bool]) -> Iterator[Config]:
        """The best share `keep` of the candidates, best first, without those that are known."""
        return self._new(self._order[: math.ceil(keep * len(self._order))], is_known)

    def random(self, rng: np.random.Generator, is_known: Callable[[str], bool]) -> Iterator[Config]:
        """All candidates in random order, without those that are known."""
        return self._new(rng.permutation(len(self._order)).tolist(), is_known)

    def _new(self, order: Sequence[int], is_known: Callable[[str], bool]) -> Iterator[Config]:
        return (self._configs[index] for index in order if not is_known(self._keys[index]))
