from argparse import Namespace
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("data_fidelity")


def test_the_three_ways_cost_about_the_same(script: ModuleType) -> None:
    ways = script.ways()
    for group in (ways[start : start + 3] for start in range(0, len(ways), 3)):
        assert [way.name for way in group] == ["epochs", "data", "resolution"]
        shares = [way.share for way in group]
        assert max(shares) - min(shares) < 0.03
        assert 0.1 < min(shares) < 0.5


def test_a_training_costs_less_in_every_way(script: ModuleType) -> None:
    config = script.SPACE.sample(random_state=0)
    data = script.small_task()
    for way in script.ways()[:3]:
        found = script.run(config, way, 0, data)
        assert 0 <= found["val"] <= 100
        assert found["seconds"] > 0


def test_the_table_has_the_rank_correlations_of_the_trainings(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(config, way, seed, data):
        params = script.SPACE.parameter_count(config)
        assert len(data["train"][0]) == script.IMAGES
        val = -params if way.name == "data" else params
        return {"val": val, "test": params, "seconds": way.share}

    monkeypatch.setattr(script, "run", run)
    found = script.measure(Namespace(networks=8, seeds=2, cache=None))
    assert (found["networks"], found["seeds"], len(found["ways"])) == (8, 2, 12)
    for name, row in found["ways"].items():
        known = {"random ranks": 0, "data 0.11": -1, "data 0.25": -1, "data 0.44": -1}.get(name, 1)
        assert row["spearman"] == [known] * 3
    assert found["ways"]["data 0.25"]["seconds_share"] == 0.25
