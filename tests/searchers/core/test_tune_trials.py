"""Matching Tune's trials to proposals."""

from types import SimpleNamespace

import pytest

from ray_nas.searchers import RandomSearch
from ray_nas.searchers.core import tune_trials as module
from ray_nas.searchers.core.tune_trials import TuneTrials
from ray_nas.spaces import NASBench201


def trial(trial_id: str, status: str, config: dict | None = None, **result: float):
    return SimpleNamespace(
        trial_id=trial_id, status=status, config=config or {}, last_result=result
    )


def test_trials_that_the_end_of_the_run_cut_off_are_found(
    cells: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = RandomSearch(cells, "score", "max", seed=0)
    for trial_id in "ab":
        searcher.suggest(trial_id)
    trials = TuneTrials(searcher.problem, searcher.ledger)
    running = [trial("a", "TERMINATED", score=1.0), trial("b", "RUNNING"), trial("c", "ERROR")]
    monkeypatch.setattr(module, "tune_trials", lambda: running)
    monkeypatch.setattr(module, "run_is_over", lambda: False)
    assert list(trials.ended_unreported()) == []
    monkeypatch.setattr(module, "run_is_over", lambda: True)
    assert [name for name, _ in trials.ended_unreported()] == ["a"]
    assert trials.last_result(running[0]) == {"score": 1.0}
    assert trials.last_result(running[1]) is None


def test_a_restarted_trial_is_recognised_by_its_config(
    cells: NASBench201, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = RandomSearch(cells, "score", "max", seed=0)
    config = searcher.suggest("a")
    searcher.on_trial_complete("a", error=True)
    searcher.save(str(tmp_path / "state.json"))
    restored = RandomSearch(cells, "score", "max", seed=0)
    restored.restore(str(tmp_path / "state.json"))
    trials = TuneTrials(restored.problem, restored.ledger)
    other = {**config, "edge_0_1": "none" if config["edge_0_1"] != "none" else "skip_connect"}
    monkeypatch.setattr(
        module,
        "tune_trials",
        lambda: [trial("new", "PENDING", config), trial("x", "PENDING", other)],
    )
    assert trials.proposed_id("x") == "x"
    assert trials.proposed_id("new") == "a"
    assert restored.ledger.proposed_id("new") == "a"


def test_trials_of_which_one_side_knows_nothing_are_found(cells: NASBench201) -> None:
    searcher = RandomSearch(cells, "score", "max", seed=0)
    for trial_id in "abc":
        searcher.suggest(trial_id)
    searcher.on_trial_complete("a", {"score": 1.0})
    trials = TuneTrials(searcher.problem, searcher.ledger)
    assert trials.next_lost() is None
    unknown = trials.compare_restored([trial("c", "RUNNING"), trial("new", "PENDING")])
    assert [one.trial_id for one in unknown] == ["new"]
    assert [trials.next_lost(), trials.next_lost()] == ["b", None]
