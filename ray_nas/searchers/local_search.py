"""Local search (White et al., 2021; den Ottelander et al., 2021): https://arxiv.org/abs/2005.02960.

First improvement: the neighbours of the current architecture are tried in random order, and the
first better one replaces it. A climb ends when no neighbour is better; the next one starts from a
random architecture.
"""

from collections.abc import Mapping
from typing import Any, Final

from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces.core.search_space import Config

_START: Final = 12
"""Ended trials after which scored candidates give way to the climb."""


class LocalSearch(ArchitectureSearcher):
    """Hill climbing by first improvement, with restarts.

    Pending trials beyond the neighbourhood are random; one that beats the climb replaces it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = LocalSearch(NASBench201(), metric="accuracy", mode="max", seed=0)
        >>> first = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"accuracy": 0.9})
        >>> second = searcher.suggest("b")
        >>> sum(first[name] != second[name] for name in first)
        1
    """

    _current: tuple[str, float] | None = None
    """The trial that the climb has reached, and its score."""
    _queue: tuple[Config, ...] = ()
    """Its neighbours that are still to be tried; the next one is last."""

    @property
    def is_starting(self) -> bool:
        """Whether too few trials have ended to climb from one of the best candidates."""
        return len(self.ledger.proposals) - len(self.ledger.pending) < _START

    def _ask(self) -> Proposal:
        if self._current is not None:
            parent = self._current[0]
            while self._queue:
                *rest, config = self._queue
                self._queue = tuple(rest)
                proposal = self._proposal(config, "neighbor", (parent,))
                if self._is_new(proposal):
                    return proposal
            if not self._has_pending_children(parent):
                self._current = None
        return self._random_proposal()

    def _tell(self, observation: Observation) -> None:
        if self._current is None or observation.score > self._current[1]:
            self._current = (observation.trial_id, observation.score)
            neighbors = self.space.neighbors(observation.proposal.config)
            order = self._rng.permutation(len(neighbors))
            self._queue = tuple(neighbors[int(index)] for index in order)

    def _rescore(self, scores: Mapping[str, float]) -> None:
        if self._current is not None:
            trial_id, score = self._current
            self._current = (trial_id, scores.get(trial_id, score))

    def _has_pending_children(self, parent: str) -> bool:
        proposals = self.ledger.proposals
        return any(proposals[trial_id].parents == (parent,) for trial_id in self.ledger.pending)

    def _get_state(self) -> dict[str, Any]:
        current = list(self._current) if self._current else None
        return {"current": current, "queue": list(self._queue)}

    def _set_state(self, state: dict[str, Any]) -> None:
        self._current = tuple(state["current"]) if state["current"] else None
        self._queue = tuple(state["queue"])
