"""Files and checkpoints by their path in the experiment's folder."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow.fs import LocalFileSystem
from ray import tune

from ray_nas.tune_internals import trial_storage


@pytest.fixture(autouse=True)
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    storage = SimpleNamespace(
        storage_filesystem=LocalFileSystem(),
        experiment_fs_path=str(tmp_path),
        trial_dir_name="trial_a",
    )
    context = SimpleNamespace(get_storage=lambda: storage)
    monkeypatch.setattr(tune, "get_context", lambda: context)
    return tmp_path


def test_a_file_is_replaced_as_a_whole(experiment: Path) -> None:
    file = trial_storage.ExperimentFile("shared", "a.json")
    assert file.read() is None
    for contents in (b"one", b"three"):
        file.write(contents)
        assert file.read() == contents
    assert [path.name for path in (experiment / "shared").iterdir()] == ["a.json"]


def test_checkpoints_have_paths_in_the_experiment(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = experiment / trial_storage.trial_folder() / "checkpoint_000000"
    assert trial_storage.experiment_checkpoint("trial_a/checkpoint_000000") is None
    folder.mkdir(parents=True)
    (folder / "file").write_text("text")
    monkeypatch.setattr(
        tune, "get_checkpoint", lambda: tune.Checkpoint(str(folder), LocalFileSystem())
    )
    path = trial_storage.checkpoint_path()
    assert path == "trial_a/checkpoint_000000"
    checkpoint = trial_storage.experiment_checkpoint(path)
    assert checkpoint is not None
    with checkpoint.as_directory() as found:
        assert (Path(found) / "file").read_text() == "text"


def test_without_a_checkpoint_there_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "get_checkpoint", lambda: None)
    assert trial_storage.checkpoint_path() is None
