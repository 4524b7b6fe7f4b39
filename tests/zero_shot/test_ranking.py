"""Scores of rounds are comparable, and the final ranking covers all rounds."""

import math

import pytest

from ray_nas.spaces import MLPSpace
from ray_nas.zero_shot.ranking import Ranking

SPACE = MLPSpace(4, 2)


class RankOfLayers:
    """A score that ranks within a set, as an aggregate of proxies does."""

    def __init__(self) -> None:
        self.combined: list[int] = []

    def __call__(self, space, configs):
        return self.combine(self.measure(space, configs))

    def measure(self, space, configs):
        return [{"layers": float(config["layers"])} for config in configs]

    def combine(self, rows):
        self.combined.append(len(rows))
        values = sorted(row["layers"] for row in rows)
        return [values.index(row["layers"]) / len(values) for row in rows]


def configs(*layers):
    return [{"layers": count} for count in layers]


def test_a_score_that_ranks_gets_the_first_round_and_the_current_one() -> None:
    score = RankOfLayers()
    ranking = Ranking(SPACE, score)
    assert ranking.add(configs(5, 1)) == [0.5, 0.0]
    assert ranking.add(configs(3)) == pytest.approx([1 / 3])
    assert ranking.add(configs(7, 0)) == [0.75, 0.0]
    assert score.combined == [2, 3, 4]
    best = ranking.best(10)
    assert [one.config["layers"] for one in best] == [7, 5, 3, 1, 0]
    assert score.combined[-1] == 5
    assert len(ranking) == 5


def test_a_nan_ranks_last() -> None:
    values = {1: math.nan, 2: -1.0, 3: -math.inf}
    ranking = Ranking(SPACE, lambda space, found: [values[config["layers"]] for config in found])
    ranking.add(configs(1, 2, 3))
    assert [one.config["layers"] for one in ranking.best(3)] == [2, 3, 1]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda space, found: [1.0], r"score must return one entry per config \(2\), got 1"),
        (lambda space, found: ["high", "low"], "score must return a number for each config"),
        (lambda space, found: [None, None], "score must return a number for each config"),
    ],
)
def test_a_wrong_return_value_is_named(score, message) -> None:
    with pytest.raises(ValueError, match=message):
        Ranking(SPACE, score).add(configs(1, 2))
