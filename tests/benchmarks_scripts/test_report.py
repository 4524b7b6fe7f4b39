from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def report(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("report")


def test_the_synthetic_search_is_like_a_real_one(report: ModuleType) -> None:
    record = report.make_record(200)
    trials = list(record.trials.values())
    assert record.baseline is trials[0]
    assert sum(trial.move == "random" for trial in trials) == 10
    assert all(parent in record.trials for trial in trials for parent in trial.parents)
    stopped = sum(bool(trial.reason) for trial in trials)
    assert 80 < stopped < 160
    assert record.ranked()[0].metrics["accuracy"] > trials[0].metrics["accuracy"]
    again = report.make_record(200)
    assert [trial.config for trial in again.trials.values()] == [trial.config for trial in trials]
