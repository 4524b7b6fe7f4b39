import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def proxy_tables(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("proxy_tables")


def test_a_table_is_completed_and_trainings_are_not_repeated(
    proxy_tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []

    def train(space, config, task, data, seed):  # type: ignore[no-untyped-def]
        trained.append(seed)
        values = [json.dumps(config), seed, 10, 20, 50.0 + len(trained), 0.1]
        return dict(zip(proxy_tables.FIELDS, values, strict=True))

    monkeypatch.setattr(proxy_tables, "train", train)
    task = proxy_tables.TASKS["perceptron"]
    path = tmp_path / "perceptron.csv"
    result = proxy_tables.complete(path, task, 4)
    assert trained == [0] * 4 + [1] * 4
    assert result["networks"] == 4
    assert result["spearman_of_seeds"] == 1.0
    assert proxy_tables.complete(path, task, 5)["networks"] == 5
    assert len(trained) == 10
    with path.open() as file:
        assert len(list(csv.DictReader(file))) == 10
