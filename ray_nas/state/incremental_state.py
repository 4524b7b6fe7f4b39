"""Incremental checkpoints: of the large parts of a state, only what changed is appended.

A small part is written anew to the state file at each save. A dict with an entry per trial, or a
list of them, would make each save of a long experiment slower; once it is large, its changes
become events of the record.
"""

from copy import deepcopy
from typing import Any, Final, TypeAlias

from ray_nas.record.events import StateChanged

_LARGE: Final = 500
"""Number of entries from which a dict or list is kept in the record."""

StatePath: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a part of the state."""


class IncrementalState:
    """The large parts of a state, as the record has them."""

    def __init__(self) -> None:
        self._parts: dict[StatePath, Any] = {}
        """Each large part at the last save."""

    def split(self, state: Any) -> tuple[Any, list[StateChanged]]:
        """Separates the large parts of a state.

        Args:
            state: JSON values; not modified.

        Returns:
            The state with None in place of the large parts, and the events for the record.
        """
        changes: list[StateChanged] = []
        present: set[StatePath] = set()
        rest = self._rest((), state, changes, present)
        for path in [path for path in self._parts if path not in present]:
            changes.append(StateChanged(path, "dropped"))
            self.apply(changes[-1])
        return rest, changes

    def apply(self, event: StateChanged) -> None:
        """Applies an event of the record."""
        path = event.path
        if event.change == "dropped":
            del self._parts[path]
            return
        if path not in self._parts:  # from now on kept as one part: drop the parts inside it
            self._parts = {
                other: part for other, part in self._parts.items() if other[: len(path)] != path
            }
        if event.change == "dict":
            entries = self._parts.setdefault(path, {})
            for name in event.removed:
                del entries[name]
            entries.update(event.updated or {})
        else:
            items = self._parts.setdefault(path, [])
            items[event.start :] = event.items or []

    def merge(self, rest: Any) -> Any:
        """The whole state: what `split` returned, with the large parts put back in place."""
        for path, part in self._parts.items():
            place = rest
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = deepcopy(part)
        return rest

    def _rest(
        self, path: StatePath, value: Any, changes: list[StateChanged], present: set[StatePath]
    ) -> Any:
        if not isinstance(value, dict | list):
            return value
        if path and (path in self._parts or len(value) >= _LARGE):
            present.add(path)
            change = self._change(path, value)
            if change is not None:
                changes.append(change)
                self.apply(deepcopy(change))  # the part must not change with the state
            return None
        if isinstance(value, dict):
            return {
                name: self._rest((*path, name), part, changes, present)
                for name, part in value.items()
            }
        return [
            self._rest((*path, index), part, changes, present) for index, part in enumerate(value)
        ]

    def _change(self, path: StatePath, value: dict[str, Any] | list[Any]) -> StateChanged | None:
        """What changed since the last save; None if nothing did."""
        if isinstance(value, list):
            before = self._parts.get(path, [])
            same = _common_length(before, value)
            if same == len(before) == len(value):
                return None
            return StateChanged(path, "list", start=same, items=value[same:])
        entries = self._parts.get(path, {})
        updated = {
            name: part
            for name, part in value.items()
            if name not in entries or entries[name] != part
        }
        removed = tuple(name for name in entries if name not in value)
        if not updated and not removed:
            return None
        return StateChanged(path, "dict", updated=updated, removed=removed)


def _common_length(one: list[Any], other: list[Any]) -> int:
    """The length of the prefix that two lists share; fast if the first is a prefix."""
    if one == other[: len(one)]:
        return len(one)
    pairs = enumerate(zip(one, other, strict=False))
    differing = (index for index, (a, b) in pairs if a != b)
    return next(differing, min(len(one), len(other)))
