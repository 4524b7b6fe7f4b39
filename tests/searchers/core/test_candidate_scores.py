"""Ranks of scores, their order, and how they agree with results."""

import math

import numpy as np
import pytest

from ray_nas.record.events import CandidatesScored
from ray_nas.searchers.core.candidate_scores import Agreement, ScoredCandidates, score_ranks


def test_ranks_share_ties_and_put_what_is_not_finite_last() -> None:
    ranks = score_ranks([math.inf, 2.0, 2.0, math.nan, 5.0])
    assert ranks.tolist() == [0.125, 0.625, 0.625, 0.125, 1.0]


def test_ranks_of_one_candidate_and_of_none() -> None:
    assert score_ranks([3.0]).tolist() == [0.0]
    assert score_ranks([]).tolist() == []


@pytest.mark.parametrize("results", [[1.0] * 9, [1.0, 2.0, 3.0]])
def test_an_agreement_that_cannot_be_measured_holds_zero(results: list[float]) -> None:
    found = Agreement.of(np.linspace(0, 1, len(results)).tolist(), results)
    assert (found.correlation, found.low, found.high) == (0.0, -1.0, 1.0)


def test_the_interval_holds_zero_in_nine_of_ten_unrelated_searches() -> None:
    rng = np.random.default_rng(0)
    # As the warm-up chooses them: three of four from the top
    holds = []
    for _ in range(600):
        ranks = np.concatenate([1 - 0.02 * rng.random(12), rng.random(4)])
        found = Agreement.of(ranks.tolist(), rng.random(16).tolist())
        holds.append(found.low <= 0 <= found.high)
    assert 0.86 < np.mean(holds) < 0.94


def test_a_score_that_agrees_is_found_although_most_results_are_of_the_best() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        ranks = np.concatenate([1 - 0.02 * rng.random(12), rng.random(4)])
        results = ranks + 0.2 * rng.normal(size=16)
        found.append(Agreement.of(ranks.tolist(), results.tolist()).low > 0)
    assert np.mean(found) > 0.8


def test_a_reversed_score_is_found_after_eight_results() -> None:
    ranks = [0.99, 1.0, 0.98, 0.3, 0.97, 0.96, 0.95, 0.6]
    results = [-rank for rank in ranks]
    assert Agreement.of(ranks, results).high < 0


def candidates() -> ScoredCandidates:
    configs = [{"depth": depth} for depth in range(4)]
    scored = CandidatesScored("size", configs, [1.0, 3.0, 2.0, math.nan], 0.0)
    return ScoredCandidates(scored, lambda config: str(config["depth"]))


def test_the_best_come_first_and_at_least_the_kept_share() -> None:
    assert [one["depth"] for one in candidates().best(0.5, {}.__contains__)] == [1, 2]
    assert [one["depth"] for one in candidates().best(0.51, {}.__contains__)] == [1, 2, 0]
    assert [one["depth"] for one in candidates().best(1.0, {"1"}.__contains__)] == [2, 0, 3]


def test_random_ones_are_of_all_candidates() -> None:
    drawn = candidates().random(np.random.default_rng(0), {"1"}.__contains__)
    assert {one["depth"] for one in drawn} == {0, 2, 3}


def test_a_config_that_is_no_candidate_has_no_rank() -> None:
    assert candidates().rank("9") is None
