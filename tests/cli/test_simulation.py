"""What `ray-nas simulate` runs, and what it returns."""

from pathlib import Path

import pytest

from ray_nas.cli.simulation import Columns, Settings, nasbench201_task, run, table_task
from ray_nas.spaces import NASBench201


def settings(**more: object) -> Settings:
    fields = {
        "searcher": "RandomSearch",
        "metric": "score",
        "mode": "max",
        "max_trials": 4,
        "max_seconds": None,
        "num_workers": 2,
        "nodes": [],
        "resources": {"CPU": 1},
        "mean_uptime": None,
        "asha": None,
        "seed": 0,
        "output": None,
    }
    return Settings(**{**fields, **more})


def test_the_outcome_is_text_and_json(cells: NASBench201) -> None:
    outcome = run(lambda config: iter([(3600, {"score": 1.0})]), cells, settings())
    first, second = outcome.lines()
    assert first == "RandomSearch: 4 trials in 2 virtual hours"
    assert second.startswith("best score 1: edge_0_1=")
    found = outcome.as_json()
    assert (found["trials"], found["seconds"], found["utilization"]) == (4, 7200, {})
    assert found["best"]["metrics"] == {"score": 1.0}


def test_a_cluster_takes_the_place_of_the_workers(cells: NASBench201) -> None:
    cluster = settings(num_workers=1, nodes=[{"CPU": 4}])
    outcome = run(lambda config: iter([(60, {"score": 1.0})]), cells, cluster)
    assert outcome.history.seconds == 60
    assert outcome.lines()[-1] == "in use: CPU 100%"


def test_a_table_has_the_values_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("op,score\nconv,1\npool,2\n")
    task = table_task(str(tmp_path / "table.csv"), Columns(["op"], "score", None, None))
    assert list(task.space["op"].choices) == ["conv", "pool"]
    assert run(task.objective, task.space, settings(max_trials=2)).as_json()["trials"] == 2


def test_tables_are_named_by_their_data_set() -> None:
    assert isinstance(nasbench201_task("nasbench201:cifar100").space, NASBench201)
    with pytest.raises(ValueError, match="dataset must be one of"):
        nasbench201_task("nasbench201:mnist")
