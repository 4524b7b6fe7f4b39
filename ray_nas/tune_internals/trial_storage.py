"""Checkpoints and files by their path in the experiment's folder, from inside a trial.

Tune's public context does not say where an experiment is stored; `get_storage()` does. Paths are
relative to the experiment's folder, so that a moved experiment still finds them.
"""

from pathlib import PurePosixPath

from pyarrow.fs import FileType
from ray import tune


def trial_folder() -> str:
    """The name of this trial's folder in the experiment's folder."""
    return str(tune.get_context().get_storage().trial_dir_name)


def checkpoint_path() -> str | None:
    """The path of this trial's latest checkpoint; None if it has none."""
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return None
    root = tune.get_context().get_storage().experiment_fs_path
    return str(PurePosixPath(checkpoint.path).relative_to(root))


def experiment_checkpoint(path: str) -> tune.Checkpoint | None:
    """The checkpoint at a path in the experiment's folder; None if it was deleted."""
    storage = tune.get_context().get_storage()
    full = str(PurePosixPath(storage.experiment_fs_path) / path)
    if storage.storage_filesystem.get_file_info(full).type is FileType.NotFound:
        return None
    return tune.Checkpoint(full, storage.storage_filesystem)


class ExperimentFile:
    """A small file in the experiment's folder that trials share.

    Args:
        folder: Its folder, relative to the experiment's.
        name: Its name.
    """

    def __init__(self, folder: str, name: str) -> None:
        storage = tune.get_context().get_storage()
        self._files = storage.storage_filesystem
        self._folder = str(PurePosixPath(storage.experiment_fs_path) / folder)
        self._path = f"{self._folder}/{name}"

    def read(self) -> bytes | None:
        """The file's contents; None if it does not exist."""
        if self._files.get_file_info(self._path).type is not FileType.File:
            return None
        with self._files.open_input_stream(self._path) as file:
            return bytes(file.read())

    def write(self, contents: bytes) -> None:
        """Replaces the contents; a crash leaves the old file or the new one, never a part."""
        self._files.create_dir(self._folder, recursive=True)
        with self._files.open_output_stream(f"{self._path}.partial") as file:
            file.write(contents)
        self._files.move(f"{self._path}.partial", self._path)
