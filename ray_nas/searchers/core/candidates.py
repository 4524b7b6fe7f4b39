"""Which config leaves next: what the user gave, then what the strategy asks for, as long as it
is new and feasible.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np

from ray_nas.searchers.core.memory_limit import MemoryLimit
from ray_nas.searchers.core.objectives import InfeasibleError, Objectives, SeenFigures
from ray_nas.spaces.core.search_space import Config, SearchSpace

_TRIES: Final = 100
"""How often a strategy is asked again when its candidate is known or infeasible, before random
draws take over.
"""
_SCAN_LIMIT: Final = 100_000
"""How many configs in a row are looked at for one that is new and feasible, before the space
counts as exhausted.
"""


@dataclass(frozen=True)
class Proposal:
    """A config and where it comes from."""

    config: Config
    move: str
    """What made it: "random", "mutation", "crossover", "neighbor", "grid", "given", ..."""
    parents: tuple[str, ...] = ()
    """The ids of the trials it was made from."""


class Candidates:
    """Keeps what was proposed, and finds what is next.

    Args:
        points: Configs to try first, as trials' configs would hold them.
        repeats: Whether configs are proposed again once nothing new is left.
        by_function: Whether configs that compute the same function are duplicates. They may differ
            in latency and memory, so that with several objectives only the same config is one.
    """

    def __init__(
        self, points: Sequence[Mapping[str, Any]], repeats: bool, by_function: bool
    ) -> None:
        self.exhausted = False
        """Whether nothing new was left; with `repeats` every config counts as new from then on."""
        self.first: list[tuple[str, Config]] = []
        """Earlier trials that are tried again first, with their ids."""
        self._points = [dict(point) for point in points]
        self._repeats, self._by_function = repeats, by_function
        self._known: set[str] = set()
        self._last_key: tuple[Config | None, str] = (None, "")
        """Of the config looked at last, which a strategy, the check of what is known and the
        note of it ask for in turn.
        """
        self._scan: Iterator[Config] | None = None
        self._scanned = 0

    def check_points(self, space: SearchSpace) -> None:
        """Raises a ValueError that names the point which is no config of the space."""
        for index in range(len(self._points)):
            self._point(index, space)

    def key(self, config: Config, space: SearchSpace) -> str:
        """What a duplicate is told by."""
        if config != self._last_key[0]:
            key = (
                space.canonical(config) if self._by_function else json.dumps(config, sort_keys=True)
            )
            self._last_key = dict(config), key
        return self._last_key[1]

    def is_new_key(self, key: str) -> bool:
        """Whether nothing with this key was proposed, or repeats are due."""
        return (self.exhausted and self._repeats) or key not in self._known

    def add(self, key: str) -> None:
        """Notes a proposal."""
        self._known.add(key)

    def next(
        self,
        space: SearchSpace,
        objectives: Objectives,
        memory: MemoryLimit,
        ask: Callable[[], Proposal | None],
        rng: np.random.Generator,
    ) -> Proposal | None:
        """The next proposal that is new and feasible; None if there is none.

        Raises:
            ValueError: No candidate at all meets the constraints on known costs.
        """
        figures = SeenFigures()

        def fits(config: Config) -> bool:
            if not self.is_new_key(self.key(config, space)):
                return False
            try:
                objectives.check_config(space.to_tune(config))
                memory.check(space.to_tune(config))
            except InfeasibleError as why:
                figures.add(why)
                return False
            return True

        while self._points:
            config = self._point(0, space)
            del self._points[0]
            if fits(config):
                return Proposal(config, "given")
        while self.first:
            trial_id, config = self.first.pop(0)
            if fits(config):
                return Proposal(config, "earlier", (trial_id,))
        for _ in range(_TRIES):
            candidate = ask()
            if candidate is None or fits(candidate.config):
                return candidate
        for _ in range(_TRIES):
            config = space.sample(random_state=rng)
            if fits(config):
                return Proposal(config, "random")
        scanned = self._next_scanned(space, fits)
        if scanned is None and not self._known and figures.broken:
            raise ValueError(
                f"constraints cannot be met: {figures.describe(objectives.constraints)}"
            )
        if scanned is None and self._repeats:
            self._scan, self._scanned = None, 0  # from its beginning: what is known is due again
            if self.exhausted:
                return self._next_scanned(space, fits)
            self.exhausted = True
            return self.next(space, objectives, memory, ask, rng)
        return scanned

    def get_state(self) -> dict[str, Any]:
        """Where the points, the earlier trials and the scan have come to; what is known stands
        in the record.
        """
        return {
            "points": len(self._points),
            "first": self.first,
            "scanned": self._scanned,
            "exhausted": self.exhausted,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes what `get_state` gave; the proposals are to be added again."""
        self._points = self._points[len(self._points) - state["points"] :]
        self.first = [(trial_id, config) for trial_id, config in state["first"]]
        self._scan, self._scanned, self.exhausted = None, state["scanned"], state["exhausted"]
        self._known = set()

    def _point(self, index: int, space: SearchSpace) -> Config:
        config = space.from_tune(self._points[index])
        try:
            space.validate(config)
        except ValueError as error:
            raise ValueError(f"points_to_evaluate[{index}]: {error}") from error
        return config

    def _next_scanned(self, space: SearchSpace, fits: Callable[[Config], bool]) -> Proposal | None:
        """Looks through the whole space where drawing finds nothing new; each config is looked
        at once in a run.
        """
        if self._scan is None:
            self._scan = islice(space.grid(), self._scanned, None)
        for config in islice(self._scan, _SCAN_LIMIT):
            self._scanned += 1
            if fits(config):
                return Proposal(config, "scan")
        return None

    def __getstate__(self) -> dict[str, Any]:
        """A generator cannot be pickled; the scan goes on from its place."""
        return {**self.__dict__, "_scan": None}
