from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def result_cache(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("result_cache")


def test_finished_runs_are_read_from_the_file(result_cache: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "cache.jsonl"
    cache = result_cache.ResultCache(path)
    assert cache.get_or_run("table", 0, run=lambda: [1.0, 2.0]) == [1.0, 2.0]
    assert cache.get_or_run("table", 1, run=lambda: None) is None

    def fail() -> None:
        raise AssertionError("a finished run must not run again")

    for again in (cache, result_cache.ResultCache(path)):
        assert again.get_or_run("table", 0, run=fail) == [1.0, 2.0]
        assert again.get_or_run("table", 1, run=fail) is None


def test_without_a_path_results_stay_in_memory(result_cache: ModuleType) -> None:
    runs: list[int] = []
    cache = result_cache.ResultCache(None)
    for _ in range(2):
        cache.get_or_run("key", run=lambda: runs.append(1))
    assert runs == [1]
