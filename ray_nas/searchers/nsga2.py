"""NSGA-II (Deb, Pratap, Agarwal & Meyarivan, 2002): https://doi.org/10.1109/4235.996017.

The steady-state form (Durillo, Nebro, Luna & Alba, 2009:
https://doi.org/10.1007/978-3-642-01020-0_18): each completed trial enters the population at once
and the worst member leaves, so that no worker waits for the end of a generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace

from ray_nas.checks import Limits, check_int
from ray_nas.pareto import best_first
from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.objectives import Costs
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Observation
from ray_nas.spaces.core.search_space import Config, SearchSpace


@dataclass(frozen=True)
class _Member:
    trial_id: str
    config: Config
    values: tuple[float, ...]
    violation: float


class NSGA2(ArchitectureSearcher):
    """Evolution towards the whole Pareto front: non-dominated sorting, crowding,
    constraint-domination.

    Args:
        space: As in `ArchitectureSearcher`, like all arguments that are not listed here.
        metric: See there.
        mode: See there.
        population_size: N in the paper; as many random architectures come first.
        crossover_rate: p_c in the paper, in [0, 1]: probability that a child mixes two parents.
            Each of its n parameters then mutates with probability p_m = 1/n.
        objectives: See there.
        constraints: See there; a trial whose reported metrics break them stays below all that keep
            them.
        costs: See there.
        points_to_evaluate: See there.
        seed: See there.
        repeats: See there.
    """

    many_objectives = True

    def __init__(
        self,
        space: SearchSpace | ConfigurationSpace | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        population_size: int = 20,
        crossover_rate: float = 0.9,
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        check_int("population_size", population_size, low=2)
        if not 0.0 <= crossover_rate <= 1.0:
            raise ValueError(f"crossover_rate must be in [0, 1], got {crossover_rate}")
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
        self._population_size, self._crossover_rate = population_size, crossover_rate
        self._population: list[_Member] = []
        """Best first: by rank, then by crowding."""

    def _ask(self) -> Proposal:
        if len(self._population) < 2 or len(self._proposals) < self._population_size:
            return Proposal(self.space.sample(random_state=self._rng), "random")
        parent, other = self._tournament(), self._tournament()
        if self._rng.random() < self._crossover_rate:
            child = self.space.crossover(parent.config, other.config, self._rng)
            return Proposal(self._mutate(child), "crossover", (parent.trial_id, other.trial_id))
        return Proposal(self.space.mutate(parent.config, self._rng), "mutation", (parent.trial_id,))

    def _mutate(self, config: Config) -> Config:
        """Changes each parameter with probability 1/n."""
        for _ in range(int(self._rng.binomial(len(config), 1 / len(config)))):
            config = self.space.mutate(config, self._rng)
        return config

    def _tell(self, observation: Observation) -> None:
        self._population.append(
            _Member(
                observation.trial_id,
                observation.proposal.config,
                observation.values,
                observation.violation,
            )
        )
        self._population = _sorted(self._population)[: self._population_size]

    def _tournament(self) -> _Member:
        """The better of two by the crowded comparison (III-B)."""
        return self._population[
            int(self._rng.choice(len(self._population), size=2, replace=False).min())
        ]

    def _get_state(self) -> dict[str, Any]:
        return {
            "population": [
                [member.trial_id, member.config, list(member.values), member.violation]
                for member in self._population
            ]
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._population = [
            _Member(trial_id, config, tuple(values), violation)
            for trial_id, config, values, violation in state["population"]
        ]


def _sorted(members: Sequence[_Member]) -> list[_Member]:
    """Best first: by rank, within a front the least crowded."""
    values = np.array([member.values for member in members])
    return [
        members[int(index)]
        for index in best_first(values, np.array([member.violation for member in members]))
    ]
