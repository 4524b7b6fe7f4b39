"""The trials of a restored experiment; fails when Ray changes what is relied on.

`tests/searchers/test_mixed_saves.py` tests it in real experiments.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Experiment, Trial
from ray.tune.search import ConcurrencyLimiter, Repeater, SearchGenerator

from ray_nas.searchers import OneShot, RandomSearch
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.spaces import NASBench201
from ray_nas.tune_internals.restored_trials import (
    match_generator,
    proposes_every_trial,
    restored_trials,
)


def trial(trial_id: str, status: str) -> SimpleNamespace:
    return SimpleNamespace(trial_id=trial_id, status=status)


TRIALS: Any = [trial("a", Trial.TERMINATED), trial("b", Trial.RUNNING), trial("c", Trial.ERROR)]


def test_outside_of_a_restore_there_are_none(cells: NASBench201) -> None:
    assert restored_trials() is None
    match_generator(TRIALS)
    assert not proposes_every_trial(RandomSearch(cells, "score", "max"))


def test_the_trials_of_the_calling_controller_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "trials" in TuneController.resume.__code__.co_varnames

    def resume(self: Any) -> Any:
        trials = tuple(TRIALS)
        assert len(trials) == 3
        return restored_trials()

    monkeypatch.setattr(TuneController, "resume", resume)
    assert resume(None) == TRIALS


class Restoring(RandomSearch):
    """Calls a function while Tune's generator restores it."""

    def restore(self, checkpoint_path: str) -> None:
        match_generator(TRIALS)
        self.proposes_every_trial = proposes_every_trial(self)


def restored(searcher: Any, folder: Path) -> SearchGenerator:
    generator = SearchGenerator(searcher)
    generator.add_configurations(
        Experiment("saved", lambda config: None, storage_path=str(folder), num_samples=9)
    )
    for trial_id in "bcxyz":
        searcher.suggest(trial_id)
    generator._counter = 7
    generator.save_to_dir(str(folder), session_str="1")
    generator.restore_from_dir(str(folder))
    return generator


def test_the_generator_counts_the_trials_that_tune_has(cells: NASBench201, tmp_path: Path) -> None:
    searcher = Restoring(cells, "score", "max", seed=1)
    generator = restored(searcher, tmp_path)
    assert generator.get_state()["counter"] == 3
    assert searcher.proposes_every_trial


def test_a_limiter_waits_for_trials_that_run_only(cells: NASBench201, tmp_path: Path) -> None:
    searcher = Restoring(cells, "score", "max", seed=1)
    limiter = ConcurrencyLimiter(searcher, max_concurrent=5)
    restored(limiter, tmp_path)
    assert limiter.live_trials == {"b"}
    assert limiter.num_unfinished_live_trials == 1
    assert searcher.proposes_every_trial


def test_repeated_trials_are_not_proposals(cells: NASBench201, tmp_path: Path) -> None:
    searcher = Restoring(cells, "score", "max", seed=1)
    restored(Repeater(searcher, repeat=2), tmp_path)
    assert not searcher.proposes_every_trial


@pytest.mark.parametrize("passes", [True, False])
def test_a_wrapper_says_whether_it_passes_trials_through(
    cells: NASBench201, tmp_path: Path, passes: bool
) -> None:
    class Wrapper(SearcherWrapper):
        passes_trials_through = passes

    searcher = Restoring(cells, "score", "max", seed=1)
    restored(Wrapper(searcher), tmp_path)
    assert searcher.proposes_every_trial is passes
    assert not OneShot.passes_trials_through
