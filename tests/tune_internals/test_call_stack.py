"""Arguments of the running `tune.run`; fails when Ray changes what is relied on."""

import inspect
from types import SimpleNamespace

import pytest
from ray import tune

from ray_nas.tune_internals.call_stack import locals_of, metric_and_mode


def test_tune_run_has_the_arguments_that_are_read() -> None:
    names = inspect.signature(tune.run).parameters
    assert {"metric", "mode", "config"} <= set(names)


def test_outside_of_tune_there_is_nothing() -> None:
    assert metric_and_mode() == (None, None)


def test_the_arguments_are_read_from_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(metric: str, mode: str) -> tuple[str | None, str | None]:
        return metric_and_mode()

    monkeypatch.setattr(tune, "run", run)
    assert run("loss", "min") == ("loss", "min")


def test_a_searcher_finds_them_in_each_of_tunes_calls(
    observations: list[SimpleNamespace],
) -> None:
    assert {each.call for each in observations} == {"suggest", "end", "save"}
    assert {each.metric_and_mode for each in observations} == {("score", "max")}


def test_the_innermost_call_counts() -> None:
    def nested(depth: int) -> dict:
        return nested(depth - 1) if depth else locals_of(nested.__code__)

    assert nested(3)["depth"] == 0
    assert locals_of(nested.__code__) == {}
