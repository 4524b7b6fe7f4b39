"""States that grow with the number of trials: what has changed since the last save goes to the
record, which is appended to.

A population or a model's figures stay in the state file, which is written anew each time. A dict
with an entry for each trial, or a list of them, would make every save of a long experiment longer:
once it is large, its changes become events of the record.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from ray_nas.record import Event

_LARGE: Final = 500
"""Entries from which on a dict or list of the state is kept in the record."""

Path = tuple[str | int, ...]


class GrowingState:
    """What the record holds of the large parts of a state."""

    def __init__(self) -> None:
        self._kept: dict[Path, Any] = {}
        """The place of each large part in the state, and its value at the last save."""

    def split(self, state: Any) -> tuple[Any, list[Event]]:
        """Takes the large parts out of a state.

        Args:
            state: JSON values; it is left as it is.

        Returns:
            The rest, with None in the place of what is large, and the events for the record.
        """
        changes: list[Event] = []
        met: set[Path] = set()
        rest = self._rest((), state, changes, met)
        for path in [path for path in self._kept if path not in met]:
            changes.append({"event": "state", "path": list(path), "dropped": True})
            self.take(changes[-1])
        return rest, changes

    def take(self, event: Mapping[str, Any]) -> None:
        """Applies an event of the record, as `split` gave it."""
        path = tuple(event["path"])
        if "dropped" in event:
            del self._kept[path]
            return
        if path not in self._kept:  # it is kept whole from now on, with what was kept of it before
            self._kept = {
                other: part for other, part in self._kept.items() if other[: len(path)] != path
            }
        if "set" in event:
            part = self._kept.setdefault(path, {})
            for name in event["gone"]:
                del part[name]
            part.update(event["set"])
        else:
            part = self._kept.setdefault(path, [])
            part[event["from"] :] = event["items"]

    def join(self, rest: Any) -> Any:
        """The whole state: what `split` left, with the large parts in their places."""
        for path, part in self._kept.items():
            place = rest
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = deepcopy(part)
        return rest

    def _rest(self, path: Path, value: Any, changes: list[Event], met: set[Path]) -> Any:
        if not isinstance(value, dict | list):
            return value
        if path and (path in self._kept or len(value) >= _LARGE):
            met.add(path)
            change = self._change(path, value)
            if change is not None:
                changes.append({"event": "state", "path": list(path), **change})
                self.take(deepcopy(changes[-1]))  # what is kept must not change with the state
            return None
        if isinstance(value, dict):
            return {
                name: self._rest((*path, name), part, changes, met) for name, part in value.items()
            }
        return [self._rest((*path, index), part, changes, met) for index, part in enumerate(value)]

    def _change(self, path: Path, value: dict[str, Any] | list[Any]) -> Event | None:
        if isinstance(value, list):
            known = self._kept.get(path, [])
            same = _common(known, value)
            return (
                {"from": same, "items": value[same:]}
                if not same == len(known) == len(value)
                else None
            )
        kept = self._kept.get(path, {})
        changed = {
            name: part for name, part in value.items() if name not in kept or kept[name] != part
        }
        gone = [name for name in kept if name not in value]
        return {"set": changed, "gone": gone} if changed or gone else None


def _common(one: list[Any], other: list[Any]) -> int:
    """The length of the beginning that two lists share; at once for one that was only added to."""
    if one == other[: len(one)]:
        return len(one)
    differing = (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))
