"""Faults of storage, files and trainables raise clear messages and lose no finished work."""

import errno
import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from ray_nas import record
from ray_nas.cluster import time_limit
from ray_nas.record import files as record_files
from ray_nas.record.events import TrialEnded
from ray_nas.record.log import EventLog, Mark, writing
from ray_nas.searchers import LocalSearch, RandomSearch, RegularizedEvolution
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces import NASBench201
from ray_nas.state.state_file import StateError

SEARCHERS = (RandomSearch, LocalSearch, RegularizedEvolution)


def run(searcher: ArchitectureSearcher, numbers: range) -> None:
    """Trials of a search that Tune might drive."""
    for number in numbers:
        searcher.suggest(f"t{number}")
        searcher.on_trial_complete(
            trial_id=f"t{number}", result={"score": float(number % 7), "training_iteration": 1}
        )


def make(
    cells: NASBench201, kind: type[ArchitectureSearcher] = RegularizedEvolution
) -> ArchitectureSearcher:
    return kind(cells, "score", "max", seed=0)


def check_all_there(folder: Path, cells: NASBench201, number: int) -> None:
    """The state in a folder can be gone on with, and holds this many finished trials."""
    again = make(cells)
    again.restore(str(folder / "state.json"))
    assert again.suggest("next") not in (None, "FINISHED")
    assert [trial.status for trial in list(record.load(folder).trials.values())] == [
        "completed"
    ] * number


# Storage.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(cells: NASBench201, small_disk: Path) -> None:
    searcher, saved = make(cells), 0

    def fill() -> None:
        nonlocal saved
        for start in range(0, 1_000, 20):
            run(searcher, range(start, start + 20))
            searcher.save(str(small_disk / "state.json"))
            saved = start + 20

    with pytest.raises(
        OSError, match=r"cannot be saved .No space left on device.*make room, then restore"
    ) as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC
    assert saved >= 40
    aside = small_disk.parent / "aside"
    aside.mkdir()
    for file in small_disk.iterdir():
        (aside / file.name).write_bytes(file.read_bytes())
    again = make(cells)
    again.restore(str(aside / "state.json"))
    assert (
        sum(trial.status == "completed" for trial in list(record.load(aside).trials.values()))
        >= saved
    )
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    searcher.save(
        str(small_disk / "state.json")
    )  # there is room again: what could not be written was kept
    check_all_there(small_disk, cells, saved + 20)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("what", ["open", "write_text"])
def test_storage_that_refuses_for_a_while(
    cells: NASBench201, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, reason: int
) -> None:
    def refuse(*arguments: Any, **more: Any) -> None:
        raise OSError(reason, os.strerror(reason))

    searcher = make(cells)
    run(searcher, range(5))
    searcher.save(str(tmp_path / "state.json"))
    run(searcher, range(5, 9))
    with monkeypatch.context() as context:
        context.setattr(Path, what, refuse)
        with pytest.raises(OSError, match=f"cannot be saved .{os.strerror(reason)}"):
            searcher.save(str(tmp_path / "state.json"))
    make(cells).restore(str(tmp_path / "state.json"))  # the save before
    searcher.save(str(tmp_path / "state.json"))
    check_all_there(tmp_path, cells, 9)


@settings(deadline=None, max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), of_state=st.booleans())
def test_any_byte_that_changed_is_noticed(
    cells: NASBench201,
    tmp_path_factory: pytest.TempPathFactory,
    where: float,
    change: int,
    of_state: bool,
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    searcher = make(cells)
    run(searcher, range(6))
    searcher.save(str(folder / "state.json"))
    path = folder / "state.json" if of_state else next(folder.glob(record_files.RECORD_FILES))
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= change
    path.write_bytes(content)
    again = make(cells)
    with pytest.raises(StateError):
        again.restore(str(folder / "state.json"))
    with pytest.raises(StateError):  # and it does not begin anew over what is there
        again.suggest("t6")


# Calls.


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(SEARCHERS))
def test_calls_that_are_repeated_out_of_order_or_of_strangers(
    cells: NASBench201,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    kind: type[ArchitectureSearcher],
) -> None:
    folder, rng, searcher = tmp_path_factory.mktemp("calls"), random.Random(seed), make(cells, kind)
    names = [f"t{number}" for number in range(12)]
    calls = [
        (what, name)
        for name in [*names, "stranger"]
        for what in ("suggest", "result", "result", "complete")
    ]
    calls += rng.choices(calls, k=20)
    rng.shuffle(calls)
    proposed: dict[str, Any] = {}
    ended: set[str] = set()
    for what, name in calls:
        if what == "suggest" and name != "stranger":
            assert searcher.suggest(name) == proposed.setdefault(name, searcher.suggest(name))
        elif what == "result":
            searcher.on_trial_result(
                name, {"score": rng.random(), "training_iteration": rng.randrange(5)}
            )
        elif what == "complete":
            score = rng.choice([rng.random(), float("nan")])
            searcher.on_trial_complete(
                trial_id=name, result=rng.choice([None, {"score": score}]), error=rng.random() < 0.2
            )
            ended |= {name} & proposed.keys()
    searcher.save(str(folder / "state.json"))
    counts = Counter(
        event.trial for event in record.read_events(folder) if isinstance(event, TrialEnded)
    )
    assert counts == Counter(ended)
    assert (
        len({json.dumps(config, sort_keys=True) for config in proposed.values()})
        == len(proposed)
        == len(names)
    )
    again = make(cells, kind)
    again.restore(str(folder / "state.json"))
    assert again.suggest("new") == searcher.suggest("new")


# Trainables.


def faulty() -> type[tune.Trainable]:
    class Faulty(tune.Trainable):
        """Its operation on the first edge says what is wrong with it."""

        def setup(self, config: dict) -> None:
            self.fault, self.epoch = config["edge_0_1"], 0

        def step(self) -> dict:
            self.epoch += 1
            with time_limit(3):
                if self.fault == "none" and self.epoch == 2:
                    time.sleep(3_600)
            if self.fault == "avg_pool_3x3":
                for _ in range(50):
                    print("x" * 2**20)
            if self.fault == "skip_connect" and self.epoch == 2:
                raise RuntimeError("and its checkpoint cannot be read")
            return {"score": float(self.epoch), "done": self.epoch == 2}

        def save_checkpoint(self, folder: str) -> dict:
            return {"epoch": self.epoch}

        def load_checkpoint(self, state: dict) -> None:
            if self.fault == "skip_connect":
                raise ValueError("the checkpoint is damaged")
            self.epoch = state["epoch"]

    return Faulty


@pytest.mark.usefixtures("runtime")
def test_trainables_that_hang_print_fail_and_cannot_be_restored(
    cells: NASBench201, tmp_path: Path
) -> None:
    base = dict.fromkeys(cells.config_space, "nor_conv_3x3")
    faults = {
        "none": "error",
        "avg_pool_3x3": "completed",
        "skip_connect": "error",
        "nor_conv_1x1": "completed",
    }
    given = [{**base, "edge_0_1": fault} for fault in faults]
    searcher = RandomSearch(cells, "score", "max", points_to_evaluate=given, seed=0)
    results = tune.Tuner(
        tune.with_resources(faulty(), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=len(given),
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(tmp_path),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
        ),
    ).fit()
    assert len(results) == len(given)
    trials = list(record.load(tmp_path / "run").trials.values())
    assert {trial.config["edge_0_1"]: trial.status for trial in trials} == faults
    assert all(trial.metrics["score"] == 2.0 for trial in trials if trial.status == "completed")


@pytest.mark.usefixtures("runtime")
def test_a_run_that_ended_with_a_full_disk_is_restored_when_there_is_room(
    cells: NASBench201, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quick(tune.Trainable):
        def step(self) -> dict:
            return {
                "score": float(sum("conv" in operation for operation in self.config.values())),
                "done": True,
            }

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

        def reset_config(self, new_config: dict) -> bool:
            return True

    room = tmp_path / "room"

    save = EventLog.save

    def refusing_save(log: EventLog, folder: Path) -> Mark:
        # The driver's own copy may be a save ahead of the stored one
        stored = (tmp_path / "run").glob(record_files.RECORD_FILES)
        if not room.exists() and any(path.read_bytes().count(b'"end"') >= 3 for path in stored):
            with writing(folder):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return save(log, folder)

    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    searcher = RandomSearch(cells, "score", "max", seed=0)
    monkeypatch.setattr(EventLog, "save", refusing_save)
    train = tune.with_resources(Quick, {"cpu": 2})
    tuner = tune.Tuner(
        train,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=8,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0, callbacks=[]),
    )
    with pytest.raises(OSError, match=r"cannot be saved .No space left on device"):  # at its end
        tuner.fit()
    finished = [
        trial.trial_id
        for trial in list(record.load(tmp_path / "run").trials.values())
        if trial.status == "completed"
    ]
    assert 3 <= len(finished) < 8
    room.touch()
    assert len(tune.Tuner.restore(str(tmp_path / "run"), train).fit()) == 8
    trials = list(record.load(tmp_path / "run").trials.values())
    assert [trial.status for trial in trials] == 8 * ["completed"]
    assert [trial.trial_id for trial in trials][: len(finished)] == finished
