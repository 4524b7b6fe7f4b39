from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from ray_nas.estimators.proxies import Fitted
from ray_nas.estimators.proxies.core.architecture_features import architecture_features
from ray_nas.spaces import MLPSpace, NASBench201

SPACE = NASBench201(channels=4, cells_per_stage=1)
CONFIGS = [SPACE.sample(random_state=seed) for seed in range(200)]
BATCH = (torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), None)


def fitted(**arguments: Any) -> Fitted:
    return Fitted(BATCH, names=["naswot", "params"], features=["flops"], **arguments)


def table(noise: float = 0.3) -> tuple[list[dict[str, float]], list[float]]:
    """Rows as of `measure`, with made-up proxies, and values that follow convolutions."""
    rng = np.random.default_rng(0)
    convolutions = [sum("3x3" in op for op in config.values()) for config in CONFIGS]
    skips = [sum("skip" in op for op in config.values()) for config in CONFIGS]
    names = fitted().measured_names
    rows = []
    for config, count in zip(CONFIGS, convolutions, strict=True):
        proxies = {name: count + rng.normal() for name in names}
        rows.append(proxies | architecture_features(SPACE, config))
    values = np.array(convolutions) + 1.5 * np.array(skips) + noise * rng.normal(size=200)
    return rows, values.tolist()


def tau(scores: list[float], values: list[float]) -> float:
    return float(kendalltau(scores, values).statistic)


def test_few_results_leave_the_aggregate_alone() -> None:
    rows, values = table()
    estimator = fitted()
    prior = estimator.combine(rows)
    estimator.fit(SPACE, CONFIGS[:31], rows[:31], values[:31])
    assert estimator.agreement is None
    assert not estimator.uses_results
    assert estimator.combine(rows) == prior


def test_results_correct_the_aggregate() -> None:
    rows, values = table()
    estimator = fitted()
    prior = tau(estimator.combine(rows[64:]), values[64:])
    estimator.fit(SPACE, CONFIGS[:64], rows[:64], values[:64])
    assert estimator.uses_results
    assert estimator.agreement is not None
    assert estimator.agreement.fitted > estimator.agreement.prior
    assert tau(estimator.combine(rows[64:]), values[64:]) > prior + 0.1


def test_an_exact_aggregate_is_kept() -> None:
    rows, _ = table()
    estimator = fitted()
    values = estimator.combine(rows[:64])
    estimator.fit(SPACE, CONFIGS[:64], rows[:64], values)
    assert estimator.agreement is not None
    assert estimator.agreement.prior == pytest.approx(1.0)
    assert not estimator.uses_results


def test_networks_without_a_finite_value_are_skipped() -> None:
    rows, values = table()
    broken = [*values[:31], float("nan"), float("-inf"), float("inf")]
    estimator = fitted()
    estimator.fit(SPACE, CONFIGS[:34], rows[:34], broken)
    assert estimator.agreement is None


def test_a_later_fit_forgets_the_earlier_one_and_seeds_agree() -> None:
    rows, values = table()
    first, second = fitted(seed=3), fitted(seed=3)
    first.fit(SPACE, CONFIGS[100:], rows[100:], values[100:])
    for estimator in (first, second):
        estimator.fit(SPACE, CONFIGS[:50], rows[:50], values[:50])
    assert first.combine(rows) == second.combine(rows)


def test_rows_of_an_aggregate_can_be_learnt_from() -> None:
    rows, values = table()
    estimator, other = fitted(), fitted()
    proxies = [{name: row[name] for name in estimator.measured_names} for row in rows]
    estimator.fit(SPACE, CONFIGS[:50], proxies[:50], values[:50])
    other.fit(SPACE, CONFIGS[:50], rows[:50], values[:50])
    assert estimator.combine(rows) == other.combine(rows)


def test_values_that_are_not_finite_or_missing_break_nothing() -> None:
    rows, values = table()
    rows[0]["flops"], rows[70]["naswot"] = float("nan"), float("inf")
    del rows[1]["flops"], rows[71]["naswot"]
    estimator = fitted()
    estimator.fit(SPACE, CONFIGS[:64], rows[:64], values[:64])
    assert np.isfinite(estimator.combine(rows[64:])).all()


def test_candidates_without_features_are_an_error() -> None:
    rows, values = table()
    estimator = fitted()
    estimator.fit(SPACE, CONFIGS[:64], rows[:64], values[:64])
    with pytest.raises(ValueError, match=r"rows must be of Fitted.measure; row 1 lacks features.0"):
        estimator.combine([rows[64], {"naswot": 1.0, "params": 2.0}])


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match=r"must have one length, got 2, 1 and 2"):
        fitted().fit(SPACE, CONFIGS[:2], [{}], [1.0, 2.0])


def test_networks_are_measured_with_proxies_and_features() -> None:
    space = MLPSpace(inputs=4, outputs=2, max_layers=2, widths=(8, 16))
    estimator = Fitted((torch.randn(8, 4), None), names=["params"], features=["flops"])
    configs = space.sample(size=3, random_state=0)
    rows = estimator.measure(space, configs)
    assert all(
        {"params", "flops", "features.0", "count.layer_#.width=8"} <= set(row) for row in rows
    )
    assert estimator(space, configs) == estimator.combine(rows)


def test_no_candidates_have_no_scores() -> None:
    rows, values = table()
    estimator = fitted()
    estimator.fit(SPACE, CONFIGS[:64], rows[:64], values[:64])
    assert estimator.combine([]) == []
