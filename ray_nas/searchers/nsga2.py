"""NSGA-II (Deb, Pratap, Agarwal & Meyarivan, 2002): https://doi.org/10.1109/4235.996017.

The steady-state form (Durillo, Nebro, Luna & Alba, 2009:
https://doi.org/10.1007/978-3-642-01020-0_18): each completed trial enters the population at once
and the worst member is removed, so that no worker waits for the end of a generation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Unpack

from ray_nas.checks import check_float, check_int
from ray_nas.pareto import best_first
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config


@dataclass(frozen=True)
class _Member:
    trial_id: str
    values: tuple[float, ...]
    violation: float


class NSGA2(ArchitectureSearcher):
    """Evolves the whole Pareto front: non-dominated sorting, crowding, constraint domination.

    A trial whose reported metrics break their limits ranks below all that keep them.

    Args:
        population_size: N in the paper; the first N architectures are random.
        crossover_rate: p_c in the paper, in [0, 1]: the probability that a child combines two
            parents. Each of its n parameters then mutates with probability p_m = 1/n.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> goals = {"accuracy": "max", "latency_ms": "min"}
        >>> searcher = NSGA2(NASBench201(), objectives=goals, seed=0)
        >>> len(searcher.suggest("a"))
        6
    """

    needs_score = False

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        population_size: int = 20,
        crossover_rate: float = 0.9,
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("population_size", population_size, low=2)
        check_float("crossover_rate", crossover_rate, low=0, high=1)
        super().__init__(space, metric, mode, **common)
        self._population_size = population_size
        self._crossover_rate = crossover_rate
        self._population: list[_Member] = []
        """Best first: by rank, then by crowding."""

    @property
    def is_starting(self) -> bool:
        """Whether the first population is not proposed, or has no two results yet."""
        size = self._population_size
        return len(self._population) < 2 or len(self.ledger.proposals) < size

    def _ask(self) -> Proposal:
        if self.is_starting:
            return self._random_proposal()
        parent = self._tournament()
        other = self._tournament()
        config = self.ledger.proposals[parent].config
        if self._rng.random() >= self._crossover_rate:
            return self._proposal(self.space.mutate(config, self._rng), "mutation", (parent,))
        # Crossover
        child = self.space.crossover(config, self.ledger.proposals[other].config, self._rng)
        return self._proposal(self._mutate(child), "crossover", (parent, other))

    def _tell(self, observation: Observation) -> None:
        member = _Member(observation.trial_id, observation.values, observation.violation)
        self._population = _sorted([*self._population, member])[: self._population_size]

    def _mutate(self, config: Config) -> Config:
        """Changes each parameter with probability 1/n."""
        for _ in range(int(self._rng.binomial(len(config), 1 / len(config)))):
            config = self.space.mutate(config, self._rng)
        return config

    def _tournament(self) -> str:
        """The better of two by the crowded comparison (III-B)."""
        drawn = self._rng.choice(len(self._population), size=2, replace=False)
        return self._population[int(drawn.min())].trial_id

    def _get_state(self) -> dict[str, Any]:
        members = self._population
        rows = [[member.trial_id, list(member.values), member.violation] for member in members]
        return {"population": rows}

    def _set_state(self, state: dict[str, Any]) -> None:
        self._population = [
            _Member(trial_id, tuple(values), violation)
            for trial_id, values, violation in state["population"]
        ]


def _sorted(members: Sequence[_Member]) -> list[_Member]:
    """Best first: by rank; within a front, the least crowded first."""
    values = np.array([member.values for member in members])
    violations = np.array([member.violation for member in members])
    return [members[int(index)] for index in best_first(values, violations)]
