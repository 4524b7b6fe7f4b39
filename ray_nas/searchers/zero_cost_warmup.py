"""Starts a search from candidates that were scored without training.

Zero-cost proxies as a warm start: Abdelfattah et al., 2021 (https://arxiv.org/abs/2101.08134).
Whether the scores help is checked against the first results.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any, Final

import numpy as np

from ray_nas.checks import check_float, check_int
from ray_nas.record.events import ScoresAudited
from ray_nas.searchers.core.candidate_scores import Agreement, ScoredCandidates
from ray_nas.searchers.core.candidate_scoring import (
    CandidateScorer,
    Score,
    SeparableScore,
    draw_candidates,
)
from ray_nas.searchers.core.ledger import Result
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.spaces.core.random_state import drawn_seed
from ray_nas.state.attached_state import State
from ray_nas.state.state_file import StateError

_ATTACHED_AS: Final = "ZeroCostWarmup"
_EVERY: Final = 4
"""Every fourth proposal ignores the scores."""
_AUDITS: Final = (8, 16, 32)
"""Results after which the scores are checked; at the first only for a negative correlation."""
_OFFERED: Final = 20
"""Candidates offered for one proposal; one may have become infeasible."""


class ZeroCostWarmup(SearcherWrapper):
    """Scores candidates before the first trial, and lets the search start from the best of them.

    While the inner searcher has no results to go by (`is_starting`), the best candidates are
    proposed (`move="warmup"`). So they fill the first population of `RegularizedEvolution` and
    `NSGA2`, and the first batch of `Reinforce`, whose controller learns all scores beforehand;
    `LocalSearch` climbs from the best of 12; `RandomSearch` goes on to the end of the kept
    candidates; other searchers begin with 20. `Bananas` takes the scores for its prior mean, in
    place of the number of parameters, and learns from the results how much of it remains.

    The scores are checked. Every fourth proposal ignores them: it is a random candidate
    (`move="control"`), or what the searcher itself would propose. When 8, 16 and 32 candidates have
    results, the rank correlation of score and result is measured, with its 90 % interval. If it
    holds zero, the scores are dropped (at 8 only if it is negative), and the search goes on as
    without them. Scores and checks are in the record; a restored search does not score again.

    Args:
        searcher: Any searcher of the package.
        score: Called as `score(space, configs)`, returns a number for each config; larger is
            better, and what is not finite ranks last. If it has the methods `measure(space,
            configs)` and `combine(rows)`, as `proxies.Aggregate` has, `measure` runs as Ray tasks.
        candidates: How many to score, at least 2.
        keep: The share of them that may be proposed for their score, in [0.5, 1].
        num_gpus: What a scoring task gets of a GPU.
        seed: Seed of the candidates; None draws one, which the record holds.

    Raises:
        TypeError: The searcher or the score is of a wrong kind.
        ValueError: An argument breaks a rule; the message names it. Errors of the score, and a
            score that does not return a number for each config, are raised before the first trial.

    Example:
        >>> from ray_nas.searchers import RegularizedEvolution
        >>> from ray_nas.spaces import NASBench201
        >>> def size(space, configs):
        ...     return [space.parameter_count(config) for config in configs]
        >>> inner = RegularizedEvolution(NASBench201(2, 1), "accuracy", "max", seed=0)
        >>> searcher = ZeroCostWarmup(inner, score=size, candidates=20, seed=0)
        >>> config = searcher.suggest("trial_1")
        >>> searcher.ledger.proposals["trial_1"].move
        'warmup'
    """

    def __init__(
        self,
        searcher: ArchitectureSearcher,
        *,
        score: Score | SeparableScore,
        candidates: int = 1000,
        keep: float = 0.5,
        num_gpus: float = 0.0,
        seed: int | None = None,
    ) -> None:
        if isinstance(searcher, SearcherWrapper):
            raise TypeError(
                f"searcher must train what it proposes, got a {type(searcher).__name__}: its "
                "sub-networks cost little to evaluate, so scores would gain nothing"
            )
        super().__init__(searcher)
        if not callable(score):
            raise TypeError(f"score must be callable, got {type(score).__name__}")
        check_int("candidates", candidates, low=2)
        check_float("keep", keep, low=0.5, high=1)
        check_float("num_gpus", num_gpus, low=0)
        self._scorer = CandidateScorer(score, num_gpus)
        self._count = candidates
        self._keep = keep
        seed = drawn_seed() if seed is None else seed
        self._seed = int(np.random.default_rng(seed).integers(2**31))
        self._arguments = {
            "candidates": candidates,
            "keep": keep,
            "num_gpus": num_gpus,
            "seed": seed,
        }
        self._attach()

    # Tune's calls.

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's annotation lacks "FINISHED"
        """The next trial's config, or "FINISHED" if nothing new is left."""
        self.inner.prepare()
        if self.ledger.record.scored is None:
            self._score_candidates()
        if trial_id in self.ledger.proposals or self._is_over or not self.inner.is_starting:
            return self.inner.suggest(trial_id)
        self._offer()
        try:
            return self.inner.suggest(trial_id)
        finally:
            self.inner.propose_first("", [])

    def on_trial_complete(
        self, trial_id: str, result: Result | None = None, error: bool = False
    ) -> None:
        """A trial ended."""
        self.inner.on_trial_complete(trial_id, result, error)
        if not self._is_over and self._known_ranks([trial_id]):
            self._audit()

    # Proposals.

    def _score_candidates(self) -> None:
        """Scores the candidates, writes the scores into the record, and teaches the strategy."""
        rng = np.random.default_rng(self._seed)
        objectives = self.inner.evaluator.objectives
        configs = draw_candidates(
            self.inner.problem, objectives, self._count, self.ledger.is_known, rng
        )
        scored = replace(self._scorer(self.space, configs), arguments=self._arguments)
        self.ledger.write(scored)
        self.inner.learn_scores(scored)

    def _offer(self) -> None:
        """Has the best candidates tried first, or random ones at every fourth proposal."""
        number = len(self.ledger.proposals)
        is_control = number % _EVERY == _EVERY - 1
        if is_control:
            rng = np.random.default_rng([self._seed, number])
            configs = self._candidates.random(rng, self.ledger.is_known)
        else:
            configs = self._candidates.best(self._keep, self.ledger.is_known)
        move = "control" if is_control else "warmup"
        self.inner.propose_first("", list(islice(configs, _OFFERED)), move)

    @cached_property
    def _candidates(self) -> ScoredCandidates:
        scored = self.ledger.record.scored
        assert scored is not None, "scored before the first proposal"
        return ScoredCandidates(scored, self.inner.problem.duplicate_key)

    # The audit.

    @property
    def _is_over(self) -> bool:
        """Whether the scores have been dropped."""
        return any(audit.dropped for audit in self.ledger.record.audits)

    def _audit(self) -> None:
        """Checks the scores against the results, when there are 8, 16 and 32 of candidates."""
        record = self.ledger.record
        if len(record.audits) == len(_AUDITS):
            return
        results = {
            name: trial.metrics
            for name, trial in record.trials.items()
            if trial.status == "completed"
        }
        ranks = self._known_ranks(self.inner.evaluator.rank(results))
        if len(ranks) < _AUDITS[len(record.audits)]:
            return
        found = Agreement.of(ranks, range(len(ranks), 0, -1))
        bound = found.low if record.audits else found.high
        event = ScoresAudited(len(ranks), found.correlation, found.low, found.high, bound <= 0)
        self.ledger.write(event)
        self.inner.learn_audit(event)

    def _known_ranks(self, trial_ids: Sequence[str]) -> list[float]:
        """The score ranks of those trials that are candidates, and come from no earlier result."""
        if self.ledger.record.scored is None:
            return []
        proposals = self.ledger.proposals
        known = (proposals[name] for name in trial_ids if name in proposals)
        ranks = [self._candidates.rank(one.key) for one in known if not one.parents]
        return [rank for rank in ranks if rank is not None]

    # State.

    def restore(self, checkpoint_path: str) -> None:
        """Goes back to a saved state.

        Raises:
            StateError: The file is damaged, or of another searcher, metric, mode, space or score.
        """
        self.__dict__.pop("_candidates", None)
        self._has_state = False
        super().restore(checkpoint_path)
        if not self._has_state:
            self.inner.refuse(
                StateError(f"{checkpoint_path} is the state of a search without ZeroCostWarmup")
            )

    def _attach(self) -> None:
        self.inner.attach_state(_ATTACHED_AS, self._get_state, self._set_state)

    def _get_state(self) -> State:
        return {"score": self._scorer.name, "candidates": self._count, "seed": self._seed}

    def _set_state(self, state: State) -> None:
        own = self._get_state()
        for name in ("score", "candidates"):
            if state[name] != own[name]:
                raise StateError(
                    f"the state was saved with {name}={state[name]!r}, this ZeroCostWarmup has "
                    f"{own[name]!r}: restore with the same one"
                )
        self._seed = state["seed"]
        self._has_state = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Attached states are not pickled: attaches itself again."""
        self.__dict__.update(state)
        self._attach()
