"""The trials of Tune's controller; fails when Ray changes what is relied on."""

from types import SimpleNamespace

import pytest
from ray.tune.execution.tune_controller import TuneController

from ray_nas.tune_internals.tune_controller import run_is_over, tune_trials


def test_outside_of_tune_there_is_nothing() -> None:
    assert tune_trials() == []
    assert not run_is_over()


def test_a_searcher_sees_all_trials_in_each_of_tunes_calls(
    observations: list[SimpleNamespace],
) -> None:
    proposed: list[str] = []
    for each in observations:
        assert list(each.trials) == proposed, each.call
        if each.call == "suggest":
            proposed.append(each.trial_id)
    assert len(proposed) == 3
    assert sorted(observations[-1].trials.values()) == ["ERROR", "TERMINATED", "TERMINATED"]


def test_only_the_last_save_is_after_the_loop(observations: list[SimpleNamespace]) -> None:
    assert observations[-1].call == "save"
    assert [each.run_is_over for each in observations[:-1]] == [False] * (len(observations) - 1)
    assert observations[-1].run_is_over


@pytest.mark.parametrize(("method", "is_over"), [("step", False), ("save_to_dir", True)])
def test_the_controller_is_found_in_both_methods(
    monkeypatch: pytest.MonkeyPatch, method: str, is_over: bool
) -> None:
    def call(self: SimpleNamespace) -> tuple[list, bool]:
        return tune_trials(), run_is_over()

    monkeypatch.setattr(TuneController, method, call)
    controller = SimpleNamespace(get_trials=lambda: ["a", "b"])
    assert call(controller) == (["a", "b"], is_over)
