"""Why trials are being stopped: noted when it is decided, used when they end."""

from typing import Final

_CUT_OFF: Final = "cut off by the end of the experiment"


class StopReasons:
    """The trials that a scheduler or the experiment's end is stopping.

    Example:
        >>> stops = StopReasons()
        >>> stops.note("a", "below the cutoff")
        >>> "a" in stops, stops.pop("a"), "a" in stops
        (True, 'below the cutoff', False)
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        """Trials that a scheduler is stopping, and why; empty for full length."""
        self._cut_off: set[str] = set()

    def __contains__(self, trial_id: object) -> bool:
        """Whether a scheduler is stopping the trial."""
        return trial_id in self._reasons

    def note(self, trial_id: str, reason: str) -> None:
        """A scheduler stops a trial; an earlier reason stays if this one is empty."""
        self._reasons[trial_id] = reason or self._reasons.get(trial_id, "")

    def note_cut_off(self, trial_id: str) -> None:
        """The experiment's end cuts a trial off; a scheduler's stop comes first."""
        if trial_id not in self._reasons:
            self._cut_off.add(trial_id)

    def pop(self, trial_id: str) -> str:
        """Why a trial was stopped; empty if it was not. The reason is forgotten."""
        is_cut_off = trial_id in self._cut_off
        self._cut_off.discard(trial_id)
        return self._reasons.pop(trial_id, "") or (_CUT_OFF if is_cut_off else "")
