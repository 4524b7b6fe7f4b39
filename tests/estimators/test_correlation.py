"""Rank correlations against scipy's, and the coverage of their intervals."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from ray_nas.estimators.correlation import rank_correlation


@pytest.mark.parametrize("count", [4, 30, 600])
def test_values_are_scipys_with_and_without_ties(count: int) -> None:
    rng = np.random.default_rng(count)
    x = rng.random(count)
    for y in (x + rng.random(count), np.round(3 * x + rng.random(count))):
        found = rank_correlation(x, y, rng, resamples=10)
        assert found.pairs == count
        assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
        assert found.kendall.value == pytest.approx(kendalltau(x, y).statistic)


def test_a_resample_has_the_correlation_of_the_drawn_pairs() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(12), np.round(4 * rng.random(12))
    found = rank_correlation(x, y, np.random.default_rng(1), resamples=1)
    times = np.random.default_rng(1).multinomial(12, np.full(12, 1 / 12), size=1)[0]
    drawn = np.repeat(np.arange(12), times)
    assert found.spearman.low == pytest.approx(spearmanr(x[drawn], y[drawn]).statistic)
    assert found.kendall.high == pytest.approx(kendalltau(x[drawn], y[drawn]).statistic)


def test_intervals_cover_the_true_correlation_about_nine_times_in_ten() -> None:
    rng = np.random.default_rng(2)
    truth, covered = 2 / math.pi * math.asin(0.6), 0  # Kendall's tau of normal pairs
    for _ in range(200):
        pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 60)
        found = rank_correlation(*pairs.T, rng, resamples=300).kendall
        covered += found.low <= truth <= found.high
    assert 0.84 <= covered / 200 <= 0.96


def test_constants_and_too_few_pairs_are_nan() -> None:
    rng = np.random.default_rng(0)
    for x, y in ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3], [1, 2, 3]), ([], []):
        found = rank_correlation(x, y, rng)
        assert found.pairs == len(x)
        assert all(map(math.isnan, (*found.spearman, *found.kendall)))


def test_infinities_have_the_last_ranks() -> None:
    found = rank_correlation([1, 2, 3, -math.inf], [2, 3, 4, 1], np.random.default_rng(0))
    assert found.spearman.value == pytest.approx(1.0)


def test_bad_input_is_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"one length, got shapes \(2,\) and \(3,\)"):
        rank_correlation([1, 2], [1, 2, 3], rng)
    with pytest.raises(ValueError, match="must not contain NaN"):
        rank_correlation([1, math.nan], [1, 2], rng)
    with pytest.raises(ValueError, match="resamples"):
        rank_correlation([1, 2], [1, 2], rng, resamples=0)
