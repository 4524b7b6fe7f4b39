"""Picks the next config: user-supplied points first, then the strategy's proposals.

Duplicates and infeasible configs are skipped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

import numpy as np

from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.memory_limit import MemoryLimit
from ray_nas.searchers.core.objectives import Objectives, ViolationRanges
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Move, Proposal
from ray_nas.spaces.core.search_space import Config, SearchSpace

_MAX_ASKS: Final = 100
"""How often a strategy is asked if its candidates are duplicates or infeasible, and how many random
configs are drawn afterwards."""
_SCAN_LIMIT: Final = 100_000
"""How many configs in a row the scan rejects before the space counts as exhausted."""


class CandidateSelector:
    """Finds the next config that is new and feasible.

    Args:
        points: Configs to try first, as trials' configs would hold them.
        repeats: Whether configs are proposed again once nothing new is left.
        baseline: The very first config, as a trial's config would hold it; None for the space's.
    """

    def __init__(
        self,
        points: Sequence[Mapping[str, Any]],
        repeats: bool,
        baseline: Mapping[str, Any] | None = None,
    ) -> None:
        self._baseline = None if baseline is None else dict(baseline)
        self._baseline_is_due = True
        self._points = [dict(point) for point in points]
        self._first: list[tuple[str, Config, Move]] = []
        """Configs to try before the strategy's own, each with the trial that it comes from."""
        self._repeats = repeats
        self._exhausted = False
        """Whether nothing new was left; with `repeats`, every config counts as new from then on."""
        self._scan: Iterator[Config] | None = None
        self._scanned = 0

    @property
    def allows_duplicates(self) -> bool:
        """Whether nothing new is left, so that configs are proposed again."""
        return self._exhausted and self._repeats

    def start_repeats(self) -> None:
        """Says that nothing new is left."""
        self._exhausted = True

    def check_points(self, space: SearchSpace) -> None:
        """Raises a ValueError that names the first point that is not a config of the space."""
        if self._baseline is not None:
            _checked("baseline", self._baseline, space)
        for index in range(len(self._points)):
            self._point(index, space)

    def propose_first(self, parent: str, configs: Iterable[Config], move: Move = "earlier") -> None:
        """Tries these before the strategy's own; replaces those of the same parent.

        Args:
            parent: The trial they come from; empty for none.
            configs: Best first.
            move: What made them.
        """
        others = [entry for entry in self._first if entry[0] != parent]
        self._first = others + [(parent, config, move) for config in configs]

    def next(
        self,
        problem: SearchProblem,
        ledger: TrialLedger,
        objectives: Objectives,
        memory: MemoryLimit,
        ask: Callable[[], Proposal | None],
        rng: np.random.Generator,
    ) -> Proposal | None:
        """The next proposal that is new and feasible; None if there is none.

        Args:
            problem: The space and the costs.
            ledger: The trials so far.
            objectives: The limits on costs.
            memory: The size that runs out of memory.
            ask: The strategy.
            rng: For random configs where the strategy has no new one.

        Raises:
            ValueError: No candidate keeps the limits on costs.
        """
        broken = ViolationRanges()

        def accepts(proposal: Proposal) -> bool:
            if ledger.is_known(proposal.key) and not self.allows_duplicates:
                return False
            return _is_feasible(problem, objectives, memory, proposal.config, broken)

        # The baseline; the user's own needs no other condition than to come first.
        if self._baseline_is_due:
            self._baseline_is_due = False
            baseline = self._baseline_of(problem)
            if baseline is not None and (self._baseline is not None or accepts(baseline)):
                return baseline
        # User-supplied points, then the best of another search.
        for proposal in chain(self._given(problem), self._to_try_first(problem)):
            if accepts(proposal):
                return proposal
        # The strategy, then random configs.
        for _ in range(_MAX_ASKS):
            candidate = ask()
            if candidate is None or accepts(candidate):
                return candidate
        for _ in range(_MAX_ASKS):
            proposal = problem.proposal(problem.space.sample(random_state=rng), "random")
            if accepts(proposal):
                return proposal
        # The whole space, in order.
        proposal_left = self._scan_space(problem, accepts)
        if proposal_left is not None:
            return proposal_left
        if broken and not ledger.proposals:
            raise ValueError(f"constraints cannot be met: {broken}")
        if not self._repeats:
            return None
        self._restart_scan()  # every config may be proposed again
        if self._exhausted:
            return self._scan_space(problem, accepts)
        self._exhausted = True
        return self.next(problem, ledger, objectives, memory, ask, rng)

    def get_state(self) -> dict[str, Any]:
        """How far the points and the scan have come, as JSON values."""
        return {
            "baseline": self._baseline_is_due,
            "points": len(self._points),
            "first": self._first,
            "scanned": self._scanned,
            "exhausted": self._exhausted,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores a state returned by `get_state`."""
        self._baseline_is_due = state["baseline"]
        self._points = self._points[len(self._points) - state["points"] :]
        self._first = [(parent, config, move) for parent, config, move in state["first"]]
        self._scan = None
        self._scanned = state["scanned"]
        self._exhausted = state["exhausted"]

    def _baseline_of(self, problem: SearchProblem) -> Proposal | None:
        if self._baseline is not None:
            config = _checked("baseline", self._baseline, problem.space)
            return problem.proposal(config, "baseline")
        own = problem.space.baseline
        return None if own is None else problem.proposal(own, "baseline")

    def _given(self, problem: SearchProblem) -> Iterator[Proposal]:
        while self._points:
            config = self._point(0, problem.space)
            del self._points[0]
            yield problem.proposal(config, "given")

    def _to_try_first(self, problem: SearchProblem) -> Iterator[Proposal]:
        while self._first:
            parent, config, move = self._first.pop(0)
            yield problem.proposal(config, move, (parent,) if parent else ())

    def _point(self, index: int, space: SearchSpace) -> Config:
        return _checked(f"points_to_evaluate[{index}]", self._points[index], space)

    def _scan_space(
        self, problem: SearchProblem, accepts: Callable[[Proposal], bool]
    ) -> Proposal | None:
        """The next accepted config in the order of the grid; each config is visited once."""
        if self._scan is None:
            self._scan = islice(problem.space.grid(), self._scanned, None)
        for config in islice(self._scan, _SCAN_LIMIT):
            self._scanned += 1
            proposal = problem.proposal(config, "scan")
            if accepts(proposal):
                return proposal
        return None

    def _restart_scan(self) -> None:
        self._scan = None
        self._scanned = 0

    def __getstate__(self) -> dict[str, Any]:
        """Pickles without the scan's generator; it continues from its position."""
        return {**self.__dict__, "_scan": None}


def _checked(name: str, trial_config: Mapping[str, Any], space: SearchSpace) -> Config:
    """The space's config for a trial's config that the user gave as the argument `name`."""
    config = space.from_tune(trial_config)
    try:
        space.validate(config)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return config


def _is_feasible(
    problem: SearchProblem,
    objectives: Objectives,
    memory: MemoryLimit,
    config: Config,
    broken: ViolationRanges,
) -> bool:
    """Whether a config's costs keep the limits; adds a broken one to `broken`."""
    costs = problem.costs(config)
    limit = objectives.broken_limit(costs)
    if limit is not None:
        broken.add(limit)
        return False
    return not memory.excludes(costs)
