"""Tracks parents' checkpoints, for searchers whose children inherit weights.

`ray_nas.sharing.inherit_weights` loads them inside the trial. Paths are relative to the
experiment's folder, so that a moved experiment still finds them. They come from the trials'
results, so no callback has to find the searcher after a restore.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from ray_nas.tune_internals.result_keys import CHECKPOINT_NAME

INHERIT_FROM: Final = "inherit_from"
"""Key of a trial's config: its parent's checkpoint. It is not a parameter of the space."""
TRIAL_FOLDER: Final = "trial_folder"
"""Key of a result: the name of the trial's folder."""
INHERITANCE: Final = "inheritance"
"""Key of a result: what was inherited, "preserved", "partial" or "fresh"."""


class ParentCheckpoints:
    """The last checkpoint of each trial that may become a parent.

    Example:
        >>> checkpoints = ParentCheckpoints()
        >>> checkpoints.update("a", {"trial_folder": "t_a", "checkpoint_dir_name": "c_1"})
        True
        >>> checkpoints.config_entry(("a",))
        {'inherit_from': 't_a/c_1'}
    """

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}

    def update(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Reads the checkpoint's path from a result, if it has one.

        Returns:
            Whether it is the trial's first.
        """
        folder = result.get(TRIAL_FOLDER)
        name = result.get(CHECKPOINT_NAME)
        if not isinstance(folder, str) or not isinstance(name, str):
            return False
        is_first = trial_id not in self._paths
        self._paths[trial_id] = f"{folder}/{name}"
        return is_first

    def keep(self, trial_ids: Collection[str]) -> None:
        """Drops the checkpoints of all other trials."""
        self._paths = {name: path for name, path in self._paths.items() if name in trial_ids}

    def config_entry(self, parents: tuple[str, ...]) -> dict[str, str]:
        """The entry of a child's config: its first parent's checkpoint; empty without one."""
        path = self._paths.get(parents[0]) if parents else None
        return {} if path is None else {INHERIT_FROM: path}

    def get_state(self) -> dict[str, str]:
        """Trial id to path."""
        return dict(self._paths)

    def set_state(self, state: Mapping[str, str]) -> None:
        """Restores a state returned by `get_state`."""
        self._paths = dict(state)
