from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.spaces import SearchSpace

pytest.importorskip("hpbandster", reason='the extra "bohb" wants a C compiler')

from ray_nas.searchers.models.kernel_density import KDEModel


@pytest.fixture(scope="module")
def bohb(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("bohb")


def test_what_is_observed_before_a_decision_is_timed_does_not_run_the_model(
    bohb: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    propose = KDEModel.propose

    def counted(self: KDEModel, *arguments: Any, **named: Any) -> Any:
        runs.append(len(self.losses.get(1.0, {})))
        return propose(self, *arguments, **named)

    monkeypatch.setattr(KDEModel, "propose", counted)
    assert bohb.milliseconds(observations=50, decisions=4) > 0.0
    assert min(runs) == 50
    assert len(runs) < 10


# The stock generator calls ConfigSpace's deprecated methods.
@pytest.mark.filterwarnings("ignore:Please use")
def test_stock_without_duplicates_proposes_each_function_once(bohb: ModuleType) -> None:
    space = SearchSpace(ConfigurationSpace({"op": ["conv", "pool", "skip"], "kernel": [1, 3]}))
    stock, once = bohb.Stock(space, 0), bohb.StockWithoutDuplicates(space, 0)
    assert len({space.canonical(stock.suggest(str(number))) for number in range(6)}) < 6
    assert len({space.canonical(once.suggest(str(number))) for number in range(6)}) == 6


def test_random_search_and_intervals_stand_beside_every_searcher(
    bohb: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = bohb.ResultCache(tmp_path / "cache.jsonl")
    figures = bohb.compare(
        "counting_ones", bohb.counting_ones(pairs=1, seconds=9_000.0), ["evolution"], 2, cache
    )
    assert list(figures) == ["random", "evolution"]
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in figures)
    assert figures["random"]["less random's"] == [0.0, 0.0, 0.0]
    for row in figures.values():
        mean, low, high = row["regret"]
        assert 0.0 <= low <= mean <= high
