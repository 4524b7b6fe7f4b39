"""The folders and checkpoints of an experiment's trials, from outside of a trial.

Tune's own readers unpickle. `experiment_state-*.json` says in plain JSON which folder belongs to
which trial; only that is read here. `tests/tune_internals/test_experiment_folder.py` fails when Ray
changes this.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem
from ray import tune

from ray_nas.record import files

_STATE = "experiment_state-"
_CHECKPOINT = "checkpoint_"


class ExperimentFolder:
    """An experiment's folder, as a path or a URI that pyarrow can read.

    Args:
        place: The folder.

    Example:
        >>> ExperimentFolder("results/search").trial_folders()
        Traceback (most recent call last):
        ...
        ValueError: results/search has no experiment_state-*.json, where Tune says which folder \
belongs to which trial: copy the experiment's whole folder
    """

    def __init__(self, place: str | Path) -> None:
        self.place = str(place)
        """As it was given."""
        if files.is_uri(place):
            self._files, self._root = FileSystem.from_uri(self.place)
        else:
            self._files, self._root = LocalFileSystem(), str(Path(place).expanduser().resolve())

    def trial_folders(self) -> dict[str, str]:
        """Trial id to the name of the trial's folder.

        Raises:
            ValueError: Tune's state is missing or damaged.
        """
        return {trial["trial_id"]: trial["relative_logdir"] for trial in self._trials()}

    def trial_configs(self) -> dict[str, dict[str, Any]]:
        """Trial id to the config that Tune passed to the trainable."""
        return {trial["trial_id"]: trial["config"] for trial in self._trials()}

    def newest_checkpoint(self, trial_id: str) -> tune.Checkpoint | None:
        """The newest checkpoint of a trial that still exists; None if there is none."""
        folder = self.trial_folders().get(trial_id)
        return None if folder is None else self.newest_checkpoint_in(folder)

    def newest_checkpoint_in(self, folder: str) -> tune.Checkpoint | None:
        """The newest checkpoint in a trial's folder; None if there is none."""
        names = [name for name in self._names(folder) if name.startswith(_CHECKPOINT)]
        return self.checkpoint(f"{folder}/{max(names)}") if names else None

    def supernet_checkpoint(self, trial_id: str) -> str | None:
        """The path of the supernet's checkpoint that a sub-network was evaluated with.

        Args:
            trial_id: The sub-network's id: that of the trial that evaluated it, "/" and a number.

        Returns:
            The path in the experiment's folder; None if the trial is no sub-network.
        """
        evaluation, separator, _ = trial_id.partition("/")
        path = self.trial_configs().get(evaluation, {}).get("weights") if separator else None
        return path if isinstance(path, str) else None

    def checkpoint(self, path: str) -> tune.Checkpoint | None:
        """The checkpoint at a path in the experiment's folder; None if it does not exist."""
        full = str(PurePosixPath(self._root) / path)
        if self._files.get_file_info(full).type is not FileType.Directory:
            return None
        return tune.Checkpoint(full, self._files)

    def _trials(self) -> list[dict[str, Any]]:
        """Tune's JSON of each trial."""
        names = [name for name in self._names("") if name.startswith(_STATE)]
        if not names:
            raise ValueError(
                f"{self.place} has no {_STATE}*.json, where Tune says which folder belongs to "
                "which trial: copy the experiment's whole folder"
            )
        newest = max(names)
        try:
            entries = json.loads(self._read(newest))["trial_data"]
            trials = [json.loads(trial) for trial, _ in entries]
            if not all({"trial_id", "relative_logdir", "config"} <= set(trial) for trial in trials):
                raise ValueError("a trial lacks its id, folder or config")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{files.inside(self.place, newest)} is damaged ({error}): "
                "restore it from a copy of the experiment's folder"
            ) from error
        return trials

    def _names(self, folder: str) -> list[str]:
        selector = FileSelector(f"{self._root}/{folder}".rstrip("/"), allow_not_found=True)
        return [info.base_name for info in self._files.get_file_info(selector)]

    def _read(self, path: str) -> bytes:
        with self._files.open_input_stream(f"{self._root}/{path}") as stream:
            return bytes(stream.read())
