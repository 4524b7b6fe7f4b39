"""What differs from one searcher to the next: the hooks a strategy implements, and its helpers."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from ray_nas.searchers.core.candidates import CandidateSelector
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Move, Proposal
from ray_nas.spaces.core.search_space import Config, SearchSpace

_START: Final = 20
"""Ended trials that start a search, if the strategy does not say how many."""


class Strategy:
    """The hooks of a strategy; only `_ask` is required."""

    needs_score: ClassVar[bool] = True
    """Whether it ranks trials by `Observation.score`, else by values and violations."""

    problem: SearchProblem
    ledger: TrialLedger
    candidates: CandidateSelector
    _rng: np.random.Generator

    def _ask(self) -> Proposal | None:
        """The next candidate; None if there are no more.

        Duplicates and infeasible candidates are dropped, and the strategy is asked again.
        """
        raise NotImplementedError

    def _before_decision(self) -> None:
        """Called once before each decision, for which `_ask` may be called several times."""

    def _expected(self, proposal: Proposal) -> dict[str, Any] | None:
        """What it expects of the chosen candidate, for the record; None if it does not predict.

        Returns:
            Metric name to [mean, low, high]; low and high are one standard deviation away.
        """
        return None

    def _proposed(self, trial_id: str, proposal: Proposal) -> None:
        """A proposal became a trial."""

    def _tell(self, observation: Observation) -> None:
        """A trial ended with usable values. It may have failed before a restore."""

    def _report(self, observation: Observation) -> None:
        """A running trial reported usable values."""

    def _rescore(self, scores: Mapping[str, float]) -> None:
        """A later trial changed the scores of these trials."""

    def _fail(self, trial_id: str) -> None:
        """A trial ended without usable values."""

    def _transfer(self, observations: Sequence[Observation]) -> None:
        """Trials of another task on the same space; their values are ranks in [0, 1], 1 is best."""

    @property
    def is_starting(self) -> bool:
        """Whether results do not guide the next proposal yet.

        As long as it is true, `ZeroCostWarmup` proposes its candidates; here for the first 20
        trials that end.
        """
        return len(self.ledger.proposals) - len(self.ledger.pending) < _START

    def _use_scores(self, configs: Sequence[Config], ranks: Sequence[float]) -> None:
        """Scores that are known before the first trial (`ZeroCostWarmup`).

        Called before the first proposal, and at a restore before `_set_state`; must not draw random
        numbers from `_rng`.

        Args:
            configs: The candidates.
            ranks: The rank of each by its score, in [0, 1]; 1 is best.
        """

    def _drop_scores(self) -> None:
        """The scores do not agree with the results: nothing must depend on them any more."""

    def _possible_parents(self) -> set[str]:
        """The trials that may become parents: their checkpoints are kept."""
        return set()

    def _get_state(self) -> dict[str, Any]:
        """The strategy's state as JSON values."""
        return {}

    def _set_state(self, state: dict[str, Any]) -> None:
        """Restores a state returned by `_get_state`."""

    # Helpers.

    @property
    def space(self) -> SearchSpace:
        """Everything that is searched: the searcher's space joined with Tune's `param_space`."""
        return self.problem.space

    def _proposal(self, config: Config, move: Move, parents: tuple[str, ...] = ()) -> Proposal:
        """A candidate made from a config."""
        return self.problem.proposal(config, move, parents)

    def _random_proposal(self) -> Proposal:
        """A random config as a candidate."""
        return self._proposal(self.space.sample(random_state=self._rng), "random")

    def _is_new(self, proposal: Proposal) -> bool:
        """Whether no duplicate was proposed; always true once repeats have started."""
        return self.candidates.allows_duplicates or not self.ledger.is_known(proposal.key)

    def _start_repeats(self) -> None:
        """Says that nothing new is left; with `repeats=True`, every config is new again."""
        self.candidates.start_repeats()
