from collections.abc import Callable
from types import ModuleType

import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.searchers import GridSearch, RandomSearch
from ray_nas.spaces import SearchSpace


@pytest.fixture(scope="module")
def tables(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("tables")


def test_the_best_config_of_the_conditional_table_is_its_optimum(tables: ModuleType) -> None:
    table = tables.conditional()
    best = {"depth": 3, "rate": 10**-2.5, "op_1": "conv", "kernel_1": 3, "op_2": "attention"}
    assert table.value({**best, "op_3": "conv", "kernel_3": 3}) == pytest.approx(table.best)
    sampled = table.space.sample(size=50, random_state=1)
    assert all(table.value(config) < table.best for config in sampled)


def test_a_search_stops_at_the_best_or_without_proposals(tables: ModuleType) -> None:
    space = SearchSpace(ConfigurationSpace({"x": [0, 1, 2]}))
    table = tables.Table("made up", space, lambda config: float(config["x"]), 2.0, 1.0)
    regrets = tables.search(table, GridSearch(space, "value", "max"), queries=10)
    assert len(regrets) == 3
    assert regrets == sorted(regrets, reverse=True)
    assert regrets[-1] == 0.0
    searcher = RandomSearch(space, "value", "max", seed=0)
    stopped = tables.search(table, searcher, queries=10, stop_at_best=True)
    assert stopped[-1] == 0.0
    assert stopped.count(0.0) == 1


def test_tables_are_made_by_name(tables: ModuleType) -> None:
    assert len(tables.table_names()) == 12
    assert tables.table_by_name("hpobench/car").name == "hpobench/car"
