"""Saving and restoring, and what a failed restore leaves behind."""

from pathlib import Path

import pytest

from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.spaces import NASBench201
from ray_nas.state.state_file import StateError


def test_a_restored_search_continues_with_attached_states(
    cells: NASBench201, tmp_path: Path
) -> None:
    path = str(tmp_path / "state.json")
    saved = RegularizedEvolution(cells, "score", "max", seed=1)
    saved.attach_state("scheduler", lambda: {"rung": 3}, lambda state: None)
    for number in range(30):
        saved.suggest(str(number))
        saved.on_trial_complete(str(number), {"score": float(number % 7)})
    saved.save(path)
    restored = RegularizedEvolution(cells, "score", "max", seed=2)
    received: list[dict] = []
    restored.attach_state("scheduler", dict, received.append)
    restored.restore(path)
    assert received == [{"rung": 3}]
    assert restored.suggest("next") == saved.suggest("next")


def test_after_a_failed_restore_every_call_raises_and_nothing_is_overwritten(
    cells: NASBench201, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    saved = RandomSearch(cells, "score", "max", seed=1)
    saved.suggest("a")
    saved.save(str(path))
    path.write_text(path.read_text()[:-20])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    restored = RandomSearch(cells, "score", "max", seed=1)
    with pytest.raises(StateError):
        restored.restore(str(path))
    with pytest.raises(StateError):
        restored.suggest("b")
    with pytest.raises(StateError):
        restored.save(str(path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
