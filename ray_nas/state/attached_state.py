"""Objects saved with the searcher, each through a get-state/set-state pair.

Tune saves its searcher but not its scheduler, so a scheduler attaches its state to the searcher.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

State: TypeAlias = dict[str, Any]
"""JSON values by name."""


class AttachedStates:
    """The states that are saved and restored together with the searcher's.

    Example:
        >>> seen = []
        >>> attached = AttachedStates()
        >>> attached.attach("scheduler", lambda: {"rung": 1}, seen.append)
        >>> states = attached.get_state()
        >>> attached.set_state(states)
        >>> seen
        [{'rung': 1}]
    """

    def __init__(self) -> None:
        self._attached: dict[str, tuple[Callable[[], State], Callable[[State], None]]] = {}
        self._waiting: dict[str, State] = {}
        """Restored states whose objects are not attached yet."""

    def attach(
        self, name: str, get_state: Callable[[], State], set_state: Callable[[State], None]
    ) -> None:
        """Attaches an object, or replaces the one of the same name.

        Args:
            name: Under which its state is saved.
            get_state: Returns JSON values.
            set_state: Receives them; called at once if a state was restored before.
        """
        self._attached[name] = (get_state, set_state)
        if name in self._waiting:
            set_state(self._waiting.pop(name))

    def get_state(self) -> dict[str, State]:
        """The states of all objects, by name."""
        current = {name: get_state() for name, (get_state, _) in self._attached.items()}
        return {**self._waiting, **current}

    def set_state(self, states: dict[str, State]) -> None:
        """Restores states returned by `get_state`, now or when their object is attached."""
        self._waiting = dict(states)
        for name, (_, set_state) in self._attached.items():
            if name in self._waiting:
                set_state(self._waiting.pop(name))

    def __getstate__(self) -> dict[str, Any]:
        """Pickles without the objects: they attach themselves again."""
        return {"_attached": {}, "_waiting": self._waiting}
