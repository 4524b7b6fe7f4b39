"""The user's costs are called once per config, and checked."""

import pytest

from ray_nas.searchers.core import known_costs
from ray_nas.searchers.core.known_costs import CachedCosts


def test_costs_are_called_once_per_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_costs, "_CACHE_SIZE", 2)
    calls = []
    costs = CachedCosts(lambda config: calls.append(config) or {"params": config["depth"]})
    for depth in (1, 1, 2, 1):
        assert costs({"depth": depth}) == {"params": float(depth)}
    assert len(calls) == 2
    costs({"depth": 3})  # the cache is full
    costs({"depth": 1})
    assert len(calls) == 4


@pytest.mark.parametrize("returned", [3, {"params": "many"}, {"params": None}])
def test_what_is_not_a_dict_of_numbers_is_refused(returned: object) -> None:
    with pytest.raises(ValueError, match="costs must return a dict of names to numbers"):
        CachedCosts(lambda config: returned)({"depth": 1})
