"""Regularized evolution (Real et al., 2019): https://arxiv.org/abs/1802.01548.

The oldest member leaves the population, not the worst: an architecture survives by being found
again through its descendants, which guards against lucky evaluations.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ConfigSpace import ConfigurationSpace

from ray_nas.checks import Limits, check_number
from ray_nas.searchers.core.candidates import Proposal
from ray_nas.searchers.core.objectives import Costs
from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM, INHERITANCE, Checkpoints
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Observation
from ray_nas.spaces.core.search_space import Config, SearchSpace

_TRIES: Final = 100
_STAY: Final = 20
"""Mutants of one config that are looked at before the walk goes on."""


@dataclass(frozen=True)
class _Member:
    trial_id: str
    config: Config
    score: float


def _score(member: _Member) -> float:
    return member.score


class RegularizedEvolution(ArchitectureSearcher):
    """Aging evolution: the best of a random tournament is mutated, the oldest member of the
    population leaves.

    Trials that failed never enter the population. With many trials in flight the population simply
    is what has completed.

    Args:
        space: As in `ArchitectureSearcher`, like all arguments that are not listed here.
        metric: See there.
        mode: See there.
        population_size: P in the paper; as many random architectures come first.
        tournament_size: S in the paper, at most P. S = P, the default, always mutates the best of
            the last P. P = S = 20 is also what the other tables choose for each of 13
            (`benchmarks/evolution_defaults.py`).
        crossover_rate: Probability in [0, 1] that a child mixes two tournament winners before it is
            mutated (0 in the paper).
        inherit_weights: Whether a child's config says, under `inherit_from`, which checkpoint its
            parent left (the first one's, where there are two). The trainable takes the weights from
            there with `ray_nas.sharing.inherit_weights`.
        objectives: See there.
        constraints: See there.
        costs: See there.
        points_to_evaluate: See there.
        seed: See there.
        repeats: See there.
    """

    def __init__(
        self,
        space: SearchSpace | ConfigurationSpace | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        population_size: int = 20,
        tournament_size: int = 20,
        crossover_rate: float = 0.0,
        inherit_weights: bool = False,
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        check_number("population_size", population_size, at_least=1, whole=True)
        if not 1 <= tournament_size <= population_size:
            raise ValueError(
                f"tournament_size must be in [1, population_size = {population_size}], got {tournament_size}"
            )
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
        self._tournament_size, self._crossover_rate = tournament_size, crossover_rate
        self._population: deque[_Member] = deque(maxlen=population_size)
        self._checkpoints = Checkpoints() if inherit_weights else None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The next trial's config, with its parent's checkpoint if weights are inherited, or
        "FINISHED" if nothing new is left.
        """
        config = super().suggest(trial_id)
        if self._checkpoints is None or not isinstance(config, dict):
            return config
        if INHERIT_FROM in config:
            raise ValueError(
                f"space must not have a parameter {INHERIT_FROM!r} where weights are inherited: rename it"
            )
        return {**config, **self._checkpoints.config_of(self._proposals[trial_id].parents)}

    def _ask(self) -> Proposal:
        if len(self._population) < (self._population.maxlen or 0):
            return Proposal(self.space.sample(random_state=self._rng), "random")
        parent = self._tournament()
        if self._rng.random() < self._crossover_rate:
            other = self._tournament()
            mixed = self.space.crossover(parent.config, other.config, self._rng)
            return Proposal(self._new_child(mixed), "crossover", (parent.trial_id, other.trial_id))
        return Proposal(self._new_child(parent.config), "mutation", (parent.trial_id,))

    def _new_child(self, config: Config) -> Config:
        """A mutant, new if one is found; from a neighbourhood that is used up, the walk goes on
        from its last mutant.
        """
        for attempt in range(1, _TRIES + 1):
            child = self.space.mutate(config, self._rng)
            if self._is_new(child):
                break
            if attempt % _STAY == 0:
                config = child
        return child

    def _report(self, observation: Observation) -> None:
        self._note_checkpoint(observation)

    def _tell(self, observation: Observation) -> None:
        self._population.append(
            _Member(observation.trial_id, observation.proposal.config, observation.score)
        )
        self._note_checkpoint(observation)
        if self._checkpoints is not None:
            parents = {
                parent for trial_id in self._pending for parent in self._proposals[trial_id].parents
            }
            self._checkpoints.keep(
                {member.trial_id for member in self._population} | parents | self._pending.keys()
            )

    def _note_checkpoint(self, observation: Observation) -> None:
        if self._checkpoints is not None and self._checkpoints.note(
            observation.trial_id, observation.metrics
        ):
            kind = observation.metrics.get(INHERITANCE, "")
            self._record.append(
                {"event": "inheritance", "trial": observation.trial_id, "kind": kind}
            )

    def _rescore(self, scores: Mapping[str, float]) -> None:
        for index, member in enumerate(self._population):
            self._population[index] = replace(
                member, score=scores.get(member.trial_id, member.score)
            )

    def _tournament(self) -> _Member:
        """The best of S members drawn without replacement."""
        if self._tournament_size == len(self._population):
            return max(self._population, key=_score)
        drawn = self._rng.choice(len(self._population), size=self._tournament_size, replace=False)
        return max((self._population[int(index)] for index in drawn), key=_score)

    def _get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "population": [
                [member.trial_id, member.config, member.score] for member in self._population
            ]
        }
        return (
            state
            if self._checkpoints is None
            else {**state, "checkpoints": self._checkpoints.get_state()}
        )

    def _set_state(self, state: dict[str, Any]) -> None:
        self._population.clear()
        self._population.extend(_Member(*fields) for fields in state["population"])
        if self._checkpoints is not None:
            self._checkpoints.set_state(state.get("checkpoints", {}))
