"""What callbacks read of the running `tune.run`; fails when Ray changes what is relied on."""

import datetime
import inspect
from types import SimpleNamespace

import pytest
from ray import tune

from ray_nas.tune_internals.running_goal import running_objectives, running_time_budget


def test_tune_run_has_the_arguments_that_are_read() -> None:
    assert {"search_alg", "metric", "mode", "time_budget_s"} <= set(
        inspect.signature(tune.run).parameters
    )


def test_outside_of_tune_there_is_nothing() -> None:
    assert (running_objectives(), running_time_budget()) == ({}, None)


def test_the_searchers_own_objectives_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(search_alg: object, metric: str | None = None, mode: str | None = None) -> dict:
        return running_objectives()

    monkeypatch.setattr(tune, "run", run)
    own = SimpleNamespace(searcher=SimpleNamespace(objectives={"loss": "min", "size": "min"}))
    assert run(own, "accuracy", "max") == {"loss": "min", "size": "min"}
    assert run(None, "accuracy", "max") == {"accuracy": "max"}
    assert run(None) == {}


def test_a_time_budget_is_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(time_budget_s: object) -> float | None:
        return running_time_budget()

    monkeypatch.setattr(tune, "run", run)
    assert [run(60), run(datetime.timedelta(minutes=2)), run(None)] == [60.0, 120.0, None]
