"""Which checkpoint a child starts from: paths that trials report, by trial; for searchers that hand
weights on.

The trainable's side is `ray_nas.sharing.inherit_weights`. A path is relative to the experiment's
folder, so that an experiment that was moved goes on, and it is found in the trial's results, so
that no callback has to find the searcher after a restore.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

INHERIT_FROM: Final = "inherit_from"
"""Key of a trial's config: its parent's checkpoint, relative to the experiment's folder. It is
no part of the search space.
"""
TRIAL_FOLDER: Final = "trial_folder"
"""Key of a result: the name of the trial's folder in the experiment's."""
INHERITANCE: Final = "inheritance"
"""Key of a result: what was inherited, "preserved", "partial" or "fresh"."""
_CHECKPOINT: Final = "checkpoint_dir_name"
"""Tune's own: the name of the checkpoint that came with a result, in the trial's folder."""


class Checkpoints:
    """The last checkpoint of each trial that may become a parent."""

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}

    def note(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Takes a trial's result, which may name a checkpoint; returns whether it is the trial's
        first.
        """
        folder, name = result.get(TRIAL_FOLDER), result.get(_CHECKPOINT)
        if not isinstance(folder, str) or not isinstance(name, str):
            return False
        first = trial_id not in self._paths
        self._paths[trial_id] = f"{folder}/{name}"
        return first

    def keep(self, trial_ids: Collection[str]) -> None:
        """Forgets all other trials."""
        self._paths = {
            trial_id: path for trial_id, path in self._paths.items() if trial_id in trial_ids
        }

    def config_of(self, parents: tuple[str, ...]) -> dict[str, str]:
        """What a child's config says: the checkpoint of the first of its parents, nothing where
        there is none.
        """
        path = self._paths.get(parents[0]) if parents else None
        return {} if path is None else {INHERIT_FROM: path}

    def get_state(self) -> dict[str, str]:
        """The paths by trial."""
        return dict(self._paths)

    def set_state(self, state: Mapping[str, str]) -> None:
        """Takes what `get_state` gave."""
        self._paths = dict(state)
