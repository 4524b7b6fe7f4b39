"""States that ride along with the searcher's: Tune saves a searcher, and forgets its scheduler."""

from collections.abc import Callable
from typing import Any

State = dict[str, Any]


class Companions:
    """Others that live as long as the experiment, each with a function that gives its state and
    one that takes it.
    """

    def __init__(self) -> None:
        self._attached: dict[str, tuple[Callable[[], State], Callable[[State], None]]] = {}
        self._waiting: dict[str, State] = {}
        """Restored states of companions that have not been attached yet."""

    def attach(
        self, name: str, get_state: Callable[[], State], set_state: Callable[[State], None]
    ) -> None:
        """Adds one (or replaces that of the same name); a state that was restored before is
        handed over at once.
        """
        self._attached[name] = (get_state, set_state)
        if name in self._waiting:
            set_state(self._waiting.pop(name))

    def get_state(self) -> dict[str, State]:
        """The states of all, by name, as JSON values."""
        return {
            **self._waiting,
            **{name: get_state() for name, (get_state, _) in self._attached.items()},
        }

    def set_state(self, states: dict[str, State]) -> None:
        """Hands the states over, at once or when their companion is attached."""
        self._waiting = dict(states)
        for name, (_, set_state) in self._attached.items():
            if name in self._waiting:
                set_state(self._waiting.pop(name))

    def __getstate__(self) -> dict[str, Any]:
        """A pickle holds no companions: they attach themselves again."""
        return {"_attached": {}, "_waiting": self._waiting}
