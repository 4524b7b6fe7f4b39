from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("optuna")
    return load_script("transfer")


def test_a_search_goes_on_when_new_data_come(script: ModuleType, tmp_path: Path) -> None:
    row = script.continued("digits", 0, 0.7, tmp_path)
    assert set(row) == {
        "constant",
        "half of the data",
        "old pick, all data",
        "anew",
        "start_from",
    }
    assert all(0 <= points <= 100 for points in row.values())
    record = script.load_record(tmp_path / "half_digits")
    assert record.trials


def test_half_of_the_data_is_the_first_half(
    script: ModuleType, load_script: Callable[[str], ModuleType]
) -> None:
    task = load_script("pay_tasks").load("digits", 0)
    half = script._half(task)
    assert len(half.train[1]) == len(task.train[1]) // 2
    assert torch.equal(half.train[0], task.train[0][: len(half.train[0])])
    assert half.test is task.test
