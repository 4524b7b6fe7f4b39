"""Searchers over a score alone."""

import pytest
import torch

from ray_nas.estimators.proxies import Aggregate
from ray_nas.searchers import Bananas, GridSearch, LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201
from ray_nas.zero_shot import naswot_search, zero_shot_search

SPACE = NASBench201(channels=2, cells_per_stage=1)
BATCH = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)), None


def convolutions(space, configs):
    return [float(sum("3x3" in op and "conv" in op for op in c.values())) for c in configs]


@pytest.mark.parametrize("make", [Bananas, LocalSearch, RandomSearch, RegularizedEvolution])
def test_a_guided_search_beats_random_architectures(make) -> None:
    searcher = make(SPACE, seed=0)
    best = zero_shot_search(SPACE, convolutions, searcher=searcher, evaluations=120, round_size=20)
    assert len(best) == 10
    assert best[0].score >= (4 if make is RandomSearch else 6)
    assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)
    assert len({SPACE.canonical(one.config) for one in best}) == 10


def test_the_same_seed_finds_the_same() -> None:
    first, second = (zero_shot_search(SPACE, convolutions, evaluations=60, seed=3) for _ in "ab")
    assert first == second


def test_the_end_of_a_space_ends_the_search() -> None:
    kept = {"edge_0_1": ["none", "nor_conv_3x3"], "edge_0_2": ["none", "skip_connect"]}
    fixed = {f"edge_{i}_3": "skip_connect" for i in range(3)}
    part = SPACE.restrict(kept).fix({**fixed, "edge_1_2": "skip_connect"})
    done: list[int] = []
    best = zero_shot_search(
        part, convolutions, searcher=GridSearch(part), round_size=3, on_round=done.append
    )
    assert 2 <= len(best) <= 4
    assert done[-1] == len(best)


def test_an_aggregate_of_proxies_is_a_score() -> None:
    best = zero_shot_search(SPACE, Aggregate(BATCH), evaluations=24, top=3, round_size=8, seed=0)
    assert [SPACE.is_valid(one.config) for one in best] == [True] * 3


def test_naswot_ranks_random_architectures() -> None:
    best = naswot_search(SPACE, BATCH, samples=12, top=12, seed=0)
    (alone,) = naswot_search(SPACE, BATCH, samples=12, top=1, seed=0)
    assert len(best) == 12
    assert best[0] == alone


def test_limits_on_costs_hold() -> None:
    def costs(config):
        return {"convolutions": convolutions(SPACE, [config])[0]}

    searcher = RegularizedEvolution(SPACE, costs=costs, constraints={"convolutions": (None, 2)})
    best = zero_shot_search(SPACE, convolutions, searcher=searcher, evaluations=60)
    assert best[0].score == 2


def test_a_searcher_with_a_metric_of_its_own_is_refused() -> None:
    searcher = RandomSearch(SPACE, "accuracy", "max")
    with pytest.raises(ValueError, match=r"searcher must have no metric or objectives, got 'acc"):
        zero_shot_search(SPACE, convolutions, searcher=searcher)


@pytest.mark.parametrize("name", ["evaluations", "top", "round_size"])
def test_wrong_counts_are_named(name) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an integer >= 1, got 0"):
        zero_shot_search(SPACE, convolutions, **{name: 0})
