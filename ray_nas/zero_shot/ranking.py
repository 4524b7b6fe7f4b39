"""Scores of a growing set of architectures, for scores that are ranks within a set as well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ray_nas.searchers.core.candidate_scoring import Measures, Score, SeparableScore
from ray_nas.spaces.core.search_space import Config, SearchSpace


@dataclass(frozen=True)
class ScoredConfig:
    """An architecture and its score.

    Example:
        >>> ScoredConfig({"depth": 2}, -0.5).config
        {'depth': 2}
    """

    config: Config
    score: float
    """Larger is better; NaN if it could not be computed."""


class Ranking:
    """Scores architectures round by round, and ranks all of them at the end.

    An aggregate of proxies scores by ranks within a set: it has `measure`, which measures each
    config by itself, and `combine`, which ranks. A round is then ranked together with the first
    round, so that scores of different rounds are comparable; the final ranking is over all rounds.
    Any other score is called once for each round.

    Args:
        space: The configs' space.
        score: The score.

    Example:
        >>> from ray_nas.spaces import MLPSpace
        >>> ranking = Ranking(MLPSpace(4, 2), lambda space, configs: [c["layers"] for c in configs])
        >>> ranking.add([{"layers": 1}, {"layers": 3}])
        [1.0, 3.0]
        >>> ranking.best(1)
        [ScoredConfig(config={'layers': 3}, score=3.0)]
    """

    def __init__(self, space: SearchSpace, score: Score | SeparableScore) -> None:
        self._space = space
        self._score = score
        self._configs: list[Config] = []
        self._scores: list[float] = []
        self._rows: list[Measures] = []
        """Each config's proxies, if the score ranks within a set."""
        self._first_round = 0

    def __len__(self) -> int:
        return len(self._configs)

    def add(self, configs: Sequence[Config]) -> list[float]:
        """Scores a round of configs.

        Raises:
            ValueError: The score returned something else than a number for each config.
        """
        if isinstance(self._score, SeparableScore):
            rows = list(self._score.measure(self._space, configs))
            _check_count("score.measure", rows, configs)
            reference = self._rows[: self._first_round]
            combined = self._score.combine([*reference, *rows])
            scores = _as_floats(combined[len(reference) :], configs)
            self._rows += rows
        else:
            scores = _as_floats(self._score(self._space, configs), configs)
        self._first_round = self._first_round or len(configs)
        self._configs += configs
        self._scores += scores
        return scores

    def best(self, count: int) -> list[ScoredConfig]:
        """The best configs of all rounds, best first; those without a score come last."""
        scores = self._scores
        if isinstance(self._score, SeparableScore):
            scores = _as_floats(self._score.combine(self._rows), self._configs)
        order = sorted(range(len(scores)), key=lambda index: _sort_key(scores[index]))
        return [ScoredConfig(self._configs[index], scores[index]) for index in order[:count]]


def _sort_key(score: float) -> tuple[bool, float]:
    return math.isnan(score), -score


def _as_floats(scores: Any, configs: Sequence[Config]) -> list[float]:
    values = list(scores)
    _check_count("score", values, configs)
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ValueError(f"score must return a number for each config: {error}") from error


def _check_count(name: str, values: Sequence[Any], configs: Sequence[Config]) -> None:
    if len(values) != len(configs):
        raise ValueError(
            f"{name} must return one entry per config ({len(configs)}), got {len(values)}"
        )
