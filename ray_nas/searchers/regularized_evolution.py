"""Regularized evolution (Real et al., 2019): https://arxiv.org/abs/1802.01548.

The oldest member of the population dies, not the worst: an architecture survives only if it is
found again through its descendants, which guards against lucky evaluations.
"""

from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import Unpack

from ray_nas.checks import check_float, check_int
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.parent_checkpoints import ParentCheckpoints
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.spaces.core.search_space import Config

_MAX_MUTANTS: Final = 100
"""Mutants to try until one is new."""
_MUTANTS_PER_STEP: Final = 20
"""Mutants of one config to try; then the last of them is mutated instead."""


class RegularizedEvolution(ArchitectureSearcher):
    """Aging evolution: mutates the winner of a random tournament; the oldest member dies.

    Failed trials never enter the population. With many trials in parallel, the population is
    simply the last P trials that completed.

    Args:
        population_size: P in the paper. The first P architectures are random.
        tournament_size: S in the paper, at most P. The default, S = P, always mutates the best of
            the last P. P = S = 20 is also what the other tables choose for each of 13
            (`benchmarks/evolution_defaults.py`).
        crossover_rate: Probability that a child combines two winners before it is mutated; 0 in
            the paper.
        inherit_weights: Whether a child starts from its first parent's checkpoint. Its config
            then holds `inherit_from`, which `ray_nas.sharing.inherit_weights` loads in the trial.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RegularizedEvolution(NASBench201(), "accuracy", "max", seed=0)
        >>> searcher.suggest("a") == searcher.suggest("a")
        True
    """

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        population_size: int = 20,
        tournament_size: int = 20,
        crossover_rate: float = 0.0,
        inherit_weights: bool = False,
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("population_size", population_size, low=1)
        check_int("tournament_size", tournament_size, low=1, high=population_size)
        check_float("crossover_rate", crossover_rate, low=0, high=1)
        super().__init__(space, metric, mode, **common)
        self._population_size = population_size
        self._tournament_size = tournament_size
        self._crossover_rate = crossover_rate
        self._population: dict[str, float] = {}
        """Scores by trial id, the oldest member first."""
        if inherit_weights:
            self._checkpoints = ParentCheckpoints()

    @property
    def is_starting(self) -> bool:
        """Whether the first population is not complete."""
        return len(self._population) < self._population_size

    def _ask(self) -> Proposal:
        if self.is_starting:
            return self._random_proposal()
        parent = self._tournament()
        config = self.ledger.proposals[parent].config
        if self._rng.random() >= self._crossover_rate:
            return self._mutant(config, "mutation", (parent,))
        # Crossover
        other = self._tournament()
        child = self.space.crossover(config, self.ledger.proposals[other].config, self._rng)
        return self._mutant(child, "crossover", (parent, other))

    def _tell(self, observation: Observation) -> None:
        self._population[observation.trial_id] = observation.score
        if len(self._population) > self._population_size:
            del self._population[next(iter(self._population))]

    def _rescore(self, scores: Mapping[str, float]) -> None:
        self._population |= {name: scores[name] for name in self._population if name in scores}

    def _possible_parents(self) -> set[str]:
        return set(self._population)

    def _tournament(self) -> str:
        """The best of S members drawn without replacement."""
        members = list(self._population)
        if self._tournament_size < len(members):
            drawn = self._rng.choice(len(members), size=self._tournament_size, replace=False)
            members = [members[int(index)] for index in drawn]
        return max(members, key=self._population.__getitem__)

    def _mutant(self, config: Config, move: str, parents: tuple[str, ...]) -> Proposal:
        """The first mutant that is new; an exhausted neighbourhood is left by a random walk."""
        for attempt in range(1, _MAX_MUTANTS + 1):
            mutant = self._proposal(self.space.mutate(config, self._rng), move, parents)
            if self._is_new(mutant):
                break
            if attempt % _MUTANTS_PER_STEP == 0:
                config = mutant.config
        return mutant

    def _get_state(self) -> dict[str, Any]:
        return {"population": self._population}

    def _set_state(self, state: dict[str, Any]) -> None:
        self._population = dict(state["population"])
