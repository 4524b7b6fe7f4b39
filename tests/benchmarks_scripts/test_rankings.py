"""Statistics of rankings in the benchmark of supernets."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def scripts(load_script: Callable[[str], ModuleType]) -> dict[str, ModuleType]:
    return {name: load_script(name) for name in ("rankings", "one_shot")}


def test_partial_tau_takes_out_what_is_known_anyway(scripts: dict[str, ModuleType]) -> None:
    rng = np.random.default_rng(0)
    known, own = rng.normal(size=(2, 2000))
    truth = known + own
    rankings = scripts["rankings"]
    copy = rankings.partial_tau(known + 0.5 * rng.normal(size=2000), truth, known)
    assert 0.05 < copy < 0.2, "not 0: the benchmark prints such a row for comparison"
    assert rankings.partial_tau(own, truth, known) > 3 * copy
    assert rankings.tau(known, truth) == pytest.approx(0.5, abs=0.03)


def test_precision_shares_out_ties(scripts: dict[str, ModuleType]) -> None:
    precision, truth = scripts["rankings"].precision_at_top, np.arange(100.0)
    assert precision(truth, truth) == 1
    assert precision(-truth, truth) == 0
    assert precision(np.zeros(100), truth) == pytest.approx(0.1)
    assert precision(np.where(truth >= 80, 1.0, 0.0), truth) == pytest.approx(0.5)


def test_the_interval_covers_cells_and_seeds(scripts: dict[str, ModuleType]) -> None:
    rankings, rng = scripts["rankings"], np.random.default_rng(1)
    truth = rng.normal(size=160)

    def figure(estimate: np.ndarray, at: np.ndarray) -> float:
        return float(rankings.tau(estimate, truth[at]))

    alike = rankings.interval(figure, [truth + rng.normal(size=160) for _ in range(3)], draws=300)
    unlike = rankings.interval(
        figure, [truth + noise * rng.normal(size=160) for noise in (0.1, 1.0, 10.0)], draws=300
    )
    assert alike[1] < alike[0] < alike[2]
    assert alike[0] == pytest.approx(0.5, abs=0.08)
    assert unlike[2] - unlike[1] > 2 * (alike[2] - alike[1])


def test_reliability_is_that_of_normal_figures(scripts: dict[str, ModuleType]) -> None:
    rng = np.random.default_rng(2)
    true = rng.normal(size=2000)
    repeats = true[:, None] + 2 * rng.normal(size=(2000, 8))
    tau = scripts["rankings"].tau
    others = (true[:, None] + 2 * rng.normal(size=(2000, 8))).mean(1)
    reliable, noiseless = scripts["rankings"].reliability(repeats, splits=20)
    assert reliable == pytest.approx(tau(repeats.mean(1), others), abs=0.03)
    assert noiseless == pytest.approx(tau(repeats.mean(1), true), abs=0.03)


def test_only_used_edges_count(scripts: dict[str, ModuleType]) -> None:
    used = scripts["one_shot"].used_operations
    cell = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|"
    assert used(cell) == ["skip_connect"]
    assert sorted(
        used("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    ) == [
        *("avg_pool_3x3", "nor_conv_3x3", "nor_conv_3x3"),
    ]
    assert used("|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|") == []
