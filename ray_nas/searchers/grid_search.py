"""Grid search: every architecture once, in a fixed order."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ConfigSpace import ConfigurationSpace

from ray_nas.checks import Limits, check_int
from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.objectives import Costs
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces.core.search_space import Config, SearchSpace


class GridSearch(ArchitectureSearcher):
    """All configs of a space; floats and long integer ranges at evenly spaced quantiles.

    Args:
        space: As in `ArchitectureSearcher`, like all arguments that are not listed here.
        metric: See there.
        mode: See there.
        points: Values of a float or a long integer range, at least 2.
        objectives: See there.
        constraints: See there.
        costs: See there.
        points_to_evaluate: See there.
        seed: See there.
        repeats: See there.
    """

    many_objectives = True  # it weighs nothing

    def __init__(
        self,
        space: SearchSpace | ConfigurationSpace | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        points: int = 5,
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        check_int("points", points, low=2)
        super().__init__(
            space,
            metric,
            mode,
            objectives=objectives,
            constraints=constraints,
            costs=costs,
            points_to_evaluate=points_to_evaluate,
            seed=seed,
            repeats=repeats,
        )
        self._points, self._taken, self._repeats = points, 0, repeats
        self._grid: Iterator[Config] | None = None

    def _ask(self) -> Proposal | None:
        while True:
            if self._grid is None:
                self._grid = islice(self.space.grid(self._points), self._taken, None)
            for config in self._grid:
                self._taken += 1
                if self._is_new(config):
                    return Proposal(config, "grid")
            if not self._repeats:
                return None
            self._candidates.exhausted, self._grid, self._taken = True, None, 0

    def _get_state(self) -> dict[str, Any]:
        return {"taken": self._taken}

    def _set_state(self, state: dict[str, Any]) -> None:
        self._grid, self._taken = None, state["taken"]

    def __getstate__(self) -> dict[str, Any]:
        """A generator cannot be pickled; the grid goes on from its place."""
        return {**self.__dict__, "_grid": None}
