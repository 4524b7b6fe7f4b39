"""Scores looked up in a file of proxies, and the figures made from pairs of searches."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ray_nas.spaces import NASBench201

SPACE = NASBench201()


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("informed_start")


@pytest.fixture
def proxies(script: ModuleType, tmp_path: Path) -> Any:
    rows = ["arch,naswot,params"]
    for number, config in enumerate(SPACE.sample(size=20, random_state=0)):
        rows.append(f"{SPACE.to_arch_str(config)},{number},{number if number else 'nan'}")
    path = tmp_path / "proxies.csv"
    path.write_text("\n".join(rows))
    return script.ProxyTable(path, ["naswot", "params"])


def test_scores_follow_the_ranks_and_unknown_cells_come_last(proxies: Any) -> None:
    configs = SPACE.sample(size=20, random_state=0)
    drawn = SPACE.sample(size=9, random_state=9)
    others = [config for config in drawn if SPACE.canonical(config) not in proxies.frame.index]
    assert others
    scores = proxies(SPACE, [*configs, *others])
    assert np.argmax(scores) == 19
    assert max(scores[20:]) <= min(scores[1:20])


def test_misleading_scores(script: ModuleType, proxies: Any) -> None:
    configs = SPACE.sample(size=20, random_state=0)
    scores = proxies(SPACE, configs)
    mixed = script.shuffled(proxies, 0)(SPACE, configs)
    assert sorted(mixed) == sorted(scores)
    assert mixed != scores
    fewer = script.fewer_parameters(proxies, 0)(SPACE, configs)
    assert fewer[1:] == [-float(number) for number in range(1, 20)]


def test_ratio_of_means_over_pairs(script: ModuleType) -> None:
    without = np.array([1.0, 2.0, 3.0, 4.0])
    ratio, low, high = script.ratio_interval(without / 2, without)
    assert (ratio, low, high) == pytest.approx((0.5, 0.5, 0.5))


def test_figures_by_budget(script: ModuleType) -> None:
    without = np.tile(np.linspace(2, 1, 20), (4, 1))
    figures = script.compare(without - 0.5, without)
    assert list(figures) == ["10", "20"]
    assert figures["20"]["difference"] == pytest.approx([-0.5, -0.5, -0.5])
