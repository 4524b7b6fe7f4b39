"""Grid search: every architecture once, in a fixed order."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from typing_extensions import Unpack

from ray_nas.checks import check_int
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config


class GridSearch(ArchitectureSearcher):
    """Tries all configs of a space; floats and long integer ranges at evenly spaced quantiles.

    Args:
        points_per_range: Values to try of a float or a long integer range, at least 2.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = GridSearch(NASBench201(), metric="accuracy", mode="max")
        >>> set(searcher.suggest("trial_1").values())
        {'none'}
    """

    needs_score = False

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        points_per_range: int = 5,
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("points_per_range", points_per_range, low=2)
        super().__init__(space, metric, mode, **common)
        self._points_per_range = points_per_range
        self._repeats = common.get("repeats", False)
        self._visited = 0
        self._grid: Iterator[Config] | None = None

    def _ask(self) -> Proposal | None:
        while True:
            if self._grid is None:
                self._grid = islice(self.space.grid(self._points_per_range), self._visited, None)
            for config in self._grid:
                self._visited += 1
                proposal = self._proposal(config, "grid")
                if self._is_new(proposal):
                    return proposal
            if not self._repeats:
                return None
            self._start_repeats()
            self._grid = None
            self._visited = 0

    def _get_state(self) -> dict[str, Any]:
        return {"visited": self._visited}

    def _set_state(self, state: dict[str, Any]) -> None:
        self._grid = None
        self._visited = state["visited"]

    def __getstate__(self) -> dict[str, Any]:
        """Pickles without the grid's generator; it continues from its position."""
        return {**self.__dict__, "_grid": None}
