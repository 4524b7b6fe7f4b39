"""BANANAS (White, Neiswanger & Savani, 2021): https://arxiv.org/abs/1910.11858.

A predictor trained on all trials so far rates candidates, and the one with the highest acquisition
is trained next. As in the paper, candidates are mutations of the best trials, and the predictor
sees paths through a cell where the space offers them (`SearchSpace.features`). Differences from the
paper, each chosen by measurement:

- A Gaussian process replaces the ensemble of networks: its uncertainty is usable from five trials.
- Expected improvement replaces independent Thompson sampling.
- Candidates with a high acquisition are mutated again, for several rounds.
- The prior mean grows with the number of parameters, until results say otherwise (`prior_mean`).

Before the first result, the prior only sorts random draws, so a first wave on many workers costs
what a random one costs. With several objectives, each has its own process, and each decision
follows a random direction through them, as in ParEGO (`scalar_improvement`).
"""

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from typing_extensions import Unpack

from ray_nas.checks import check_int
from ray_nas.estimators.blas_threads import one_thread
from ray_nas.estimators.predictors.acquisition import Acquisition
from ray_nas.searchers.core.arguments import SearcherArguments
from ray_nas.searchers.core.evaluation import Observation
from ray_nas.searchers.core.proposal import Move, Proposal
from ray_nas.searchers.core.searcher import ArchitectureSearcher, Space
from ray_nas.searchers.models.architecture_predictor import ArchitecturePredictor
from ray_nas.searchers.models.trial_results import TrialResults
from ray_nas.spaces.core.search_space import Config

_PARENTS: Final = 8
"""How many are mutated in each round: the best trials, then the best candidates."""
_CHILDREN: Final = 12
"""Mutations of each parent."""
_RANDOM: Final = 32
"""Random candidates in the first round; also the size of a batch of random draws."""
_SCORED: Final = 32
"""The best scored candidates in the first round."""
_EVERY: Final = 4
"""Every fourth decision ignores scores that are known before the first trial."""
_ROUNDS: Final = 6
"""The most rounds of mutations."""

_Rated = dict[str, tuple[float, Proposal]]
"""Duplicate key to a candidate and its acquisition."""


class Bananas(ArchitectureSearcher):
    """Predictor-guided search: Gaussian processes over the space's features, expected improvement.

    With several objectives, there is a process for each, and every decision maximises expected
    improvement in a newly drawn direction.

    Pending trials are conditioned on at their predicted mean, so concurrent proposals spread out.
    The last value of a pending or stopped trial is extrapolated to the length of the longest
    trials, and counts with the uncertainty of that (`final_scores`). Failed trials count as the
    worst value so far.

    Where the space builds networks and there is one objective, the prior mean grows with the number
    of parameters, counted for a few networks on the meta device. After a warm start from another
    task (`start_from`), that task's ranks replace it. The results decide how much of the prior
    remains, and its sign. Before the first result, proposals are random draws, of every 32 the
    most promising first; only another task's ranks are searched at once.

    Args:
        initial_trials: Trials that must have values before the predictor decides without a prior,
            at least 2; the trials before are random (10 in the paper).
        time_attr: The metric that says how far a trial has come. Trials that do not report it
            count as complete.

    Raises:
        ValueError: An argument breaks a rule; the message names it.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = Bananas(NASBench201(2, 1), metric="accuracy", mode="max", seed=0)
        >>> config = searcher.suggest("a")
        >>> searcher.on_trial_complete("a", {"accuracy": 0.9})
        >>> searcher.suggest("b") == config
        False
    """

    needs_score = False

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        initial_trials: int = 5,
        time_attr: str = "training_iteration",
        **common: Unpack[SearcherArguments],
    ) -> None:
        check_int("initial_trials", initial_trials, low=2)
        super().__init__(space, metric, mode, **common)
        self._initial_trials = initial_trials
        self._time_attr = time_attr
        self._results = TrialResults()
        self._predictor = ArchitecturePredictor(self.problem, self.ledger, initial_trials)
        self._candidates_left: list[Proposal] | None = None
        """The decision's candidates, the best last; None before a decision."""
        self._drawn: list[Config] = []
        """Random draws not proposed yet, the most promising last."""
        self._scored: list[Proposal] = []
        """Configs whose score is known before the first trial, the best first."""

    # Proposals.

    @property
    def is_starting(self) -> bool:
        """Whether there are too few results, and no other task's ranks, to predict from."""
        return not self._can_predict()

    def _use_scores(self, configs: Sequence[Config], ranks: Sequence[float]) -> None:
        self._predictor.use_scores(configs, ranks)
        order = np.argsort(-np.array(ranks), kind="stable")
        self._scored = [self._proposal(configs[index], "scored") for index in order]

    def _drop_scores(self) -> None:
        self._predictor.drop_scores()
        self._scored = []

    def _before_decision(self) -> None:
        self._candidates_left = None
        self._predictor.forget_forecast()

    def _expected(self, proposal: Proposal) -> dict[str, Any] | None:
        return self._predictor.forecast(proposal.config)

    def _ask(self) -> Proposal:
        if self._candidates_left is None:
            self._candidates_left = self._decide() if self._can_predict() else []
        return self._candidates_left.pop() if self._candidates_left else self._draw()

    def _can_predict(self) -> bool:
        """Whether there are enough results, or another task's ranks."""
        if self._predictor.has_transferred_prior:
            return True
        needed = 1 if self._predictor.has_prior else self._initial_trials
        return len(self._results.curves) >= needed

    def _draw(self) -> Proposal:
        """A random config; of every 32, the most promising by the prior first."""
        if not self._drawn:
            configs = self.space.sample(size=_RANDOM, random_state=self._rng)
            order = np.argsort(self._predictor.prior_scores(configs), kind="stable")
            self._drawn = [configs[index] for index in order]
        return self._proposal(self._drawn.pop(), "random")

    @one_thread
    def _decide(self) -> list[Proposal]:
        """New candidates by their acquisition, the best last."""
        silent = [trial for trial in self.ledger.pending if trial not in self._results.curves]
        is_control = len(self.ledger.proposals) % _EVERY == _EVERY - 1
        trial_ids, acquisition = self._predictor.acquisition(
            self._results, silent, self._rng, ignore_scores=is_control
        )
        # First round: random configs, and mutations of the best trials
        order = np.argsort(-acquisition.merits[: len(trial_ids)], kind="stable")
        batch = [self._random_proposal() for _ in range(_RANDOM)]
        batch += islice(filter(self._is_new, self._scored), _SCORED)
        for index in order[:_PARENTS]:
            trial_id = trial_ids[index]
            batch += self._mutations(self.ledger.proposals[trial_id].config, (trial_id,))
        # Next rounds: mutations of the best candidates, as long as the best improves
        rated: _Rated = {}
        top = -math.inf
        for _ in range(_ROUNDS):
            self._rate(batch, acquisition, rated)
            ranking = sorted(rated.values(), key=lambda pair: -pair[0])[:_PARENTS]
            if not ranking or ranking[0][0] <= top:
                break
            top = ranking[0][0]
            batch = []
            for _, parent in ranking:
                batch += self._mutations(parent.config, parent.parents)
        return [proposal for _, proposal in sorted(rated.values(), key=lambda pair: pair[0])]

    def _mutations(self, config: Config, parents: tuple[str, ...]) -> list[Proposal]:
        return [
            self._proposal(self.space.mutate(config, self._rng), "mutation", parents)
            for _ in range(_CHILDREN)
        ]

    def _rate(self, batch: Sequence[Proposal], acquisition: Acquisition, rated: _Rated) -> None:
        """Adds the new candidates of a batch to `rated`."""
        new: dict[str, Proposal] = {}
        for proposal in batch:
            if proposal.key not in rated and self._is_new(proposal):
                new.setdefault(proposal.key, proposal)
        if not new:
            return
        features = self._predictor.features(proposal.config for proposal in new.values())
        for (key, proposal), score in zip(new.items(), acquisition(features), strict=True):
            rated[key] = (float(score), proposal)

    def _proposal(self, config: Config, move: Move, parents: tuple[str, ...] = ()) -> Proposal:
        return Proposal(config, move, parents, self._predictor.duplicate_key(config))

    # Results.

    def _tell(self, observation: Observation) -> None:
        self._report(observation)

    def _report(self, observation: Observation) -> None:
        self._results.report(
            observation.trial_id,
            observation.time(self._time_attr),
            observation.values,
            observation.violation,
        )

    def _fail(self, trial_id: str) -> None:
        self._results.fail(trial_id)

    def _transfer(self, observations: Sequence[Observation]) -> None:
        count = len(self.objectives)
        ranks: dict[str, Sequence[float]] = {}
        for observation in observations:
            # A task with another number of objectives counts by its overall rank
            has_same_count = len(observation.values) == count
            overall = [observation.score] * count
            ranks[observation.trial_id] = observation.values if has_same_count else overall
        self._predictor.use_ranks(ranks)

    # State.

    def _get_state(self) -> dict[str, Any]:
        return {
            **self._results.get_state(),
            **self._predictor.get_state(),
            "drawn": self._drawn,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._drawn = state["drawn"]
        self._results.set_state(state)
        self._predictor.set_state(state)
