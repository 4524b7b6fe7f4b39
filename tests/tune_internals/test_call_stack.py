"""The one reach beyond Tune's interface: it must fail here first when Ray changes."""

import inspect

import pytest
from ray import tune
from ray.tune.execution.tune_controller import TuneController

from ray_nas.tune_internals.call_stack import metric_and_mode, trial_error


def test_tune_run_has_the_arguments_that_are_read() -> None:
    names = inspect.signature(tune.run).parameters
    assert "metric" in names
    assert "mode" in names


def test_the_controllers_method_that_is_read() -> None:
    assert "exception" in inspect.signature(TuneController._process_trial_failure).parameters
    assert "_search_alg.on_trial_complete" in inspect.getsource(
        TuneController._process_trial_failure
    )


def test_outside_of_tune_there_is_nothing() -> None:
    assert metric_and_mode() == (None, None)
    assert trial_error() is None


def test_the_arguments_are_read_from_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(metric: str, mode: str) -> tuple[str | None, str | None]:
        return metric_and_mode()

    monkeypatch.setattr(tune, "run", run)
    assert run("loss", "min") == ("loss", "min")
