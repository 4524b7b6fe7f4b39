"""Local search on architectures (White et al., 2021; den Ottelander et al., 2021):
https://arxiv.org/abs/2005.02960.

First improvement: the neighbours of the best architecture of a climb are tried in random order, and
the first that is better takes its place. A climb ends when no neighbour is better; the next one
starts from a random architecture.
"""

from collections.abc import Mapping
from typing import Any

from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Observation
from ray_nas.spaces.core.search_space import Config


class LocalSearch(ArchitectureSearcher):
    """Hill climbing by first improvement, with restarts.

    Trials in flight beyond the neighbourhood explore at random, and one of them that beats the
    climb takes it over. Arguments are those of `ArchitectureSearcher`.
    """

    _current: tuple[str, float] | None = None
    """The trial that the climb has reached, with its score."""
    _queue: tuple[Config, ...] = ()
    """Its neighbours that are still to be tried."""

    def _ask(self) -> Proposal:
        if self._current is not None:
            parent = self._current[0]
            while self._queue:
                config, self._queue = self._queue[-1], self._queue[:-1]
                if self._is_new(config):
                    return Proposal(config, "neighbor", (parent,))
            if not any(
                self._proposals[trial_id].parents == (parent,) for trial_id in self._pending
            ):
                self._current = None
        return Proposal(self.space.sample(random_state=self._rng), "random")

    def _tell(self, observation: Observation) -> None:
        if self._current is None or observation.score > self._current[1]:
            self._current = (observation.trial_id, observation.score)
            neighbors = self.space.neighbors(observation.proposal.config)
            self._queue = tuple(
                neighbors[int(index)] for index in self._rng.permutation(len(neighbors))
            )

    def _rescore(self, scores: Mapping[str, float]) -> None:
        if self._current is not None:
            trial_id, score = self._current
            self._current = (trial_id, scores.get(trial_id, score))

    def _get_state(self) -> dict[str, Any]:
        return {
            "current": list(self._current) if self._current else None,
            "queue": list(self._queue),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._current = tuple(state["current"]) if state["current"] else None
        self._queue = tuple(state["queue"])
