import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

NAMES = ["transformer", "convolution_1d", "perceptron", "mobile"]
TABLES = Path(__file__).parents[2] / "benchmarks" / "tables"


@pytest.fixture(scope="module")
def small_spaces(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("small_spaces")


@pytest.mark.parametrize("name", NAMES)
def test_networks_take_the_data_which_does_not_change(small_spaces: ModuleType, name: str) -> None:
    task = small_spaces.TASKS[name]
    data, again = task.data(), task.data()
    space = task.space()
    for split in ("train", "test"):
        inputs, labels = data[split]
        assert torch.equal(inputs, again[split][0])
        assert set(labels.tolist()) == set(range(10))
        assert space.build(space.sample(random_state=0))(inputs[:4]).shape == (4, 10)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_holds_sixty_networks_of_the_space(small_spaces: ModuleType, name: str) -> None:
    task = small_spaces.TASKS[name]
    with (TABLES / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    first = [json.loads(row["config"]) for row in rows if row["seed"] == "0"]
    assert first == small_spaces.configs_of(task, 60)
    assert sum(row["seed"] == "1" for row in rows) == 10
    space = task.space()
    for row in rows[::10]:
        assert space.parameter_count(json.loads(row["config"])) == int(row["params"])
    assert all(0 < float(row["test_accuracy"]) < 100 for row in rows)
