"""Teaches a strategy what happened: scores each report and end, and tracks parents' checkpoints."""

from collections.abc import Sequence
from typing import Any

from ray_nas.record.events import CandidatesScored, ScoresAudited, WeightsInherited
from ray_nas.searchers.core.candidate_scores import score_ranks
from ray_nas.searchers.core.evaluation import Evaluator, Observation
from ray_nas.searchers.core.ledger import Result
from ray_nas.searchers.core.objectives import Evaluation
from ray_nas.searchers.core.parent_checkpoints import INHERIT_FROM, INHERITANCE, ParentCheckpoints
from ray_nas.searchers.core.strategy import Strategy


class TaughtStrategy(Strategy):
    """A strategy that learns from results."""

    _evaluator: Evaluator | None
    _checkpoints: ParentCheckpoints | None = None
    """Set by strategies whose children inherit weights."""

    @property
    def evaluator(self) -> Evaluator:
        """Judges and scores results; available after `prepare`."""
        assert self._evaluator is not None, "prepare() comes first"
        return self._evaluator

    def learn_report(self, trial_id: str, metrics: Result) -> None:
        """Teaches the strategy a report."""
        evaluation = self.evaluator.judge(metrics)
        if evaluation.unusable:
            return
        score = self.evaluator.preview(evaluation)
        self._report(self._observation(trial_id, metrics, evaluation, score))
        self._update_checkpoint(trial_id, metrics)

    def learn_end(self, trial_id: str, metrics: Result, evaluation: Evaluation | None) -> None:
        """Teaches the strategy the end of a trial; None if it failed."""
        if evaluation is None or evaluation.unusable:
            self._fail(trial_id)
            return
        score, changed = self.evaluator.add(trial_id, evaluation)
        if changed:
            self._rescore(changed)
        self._tell(self._observation(trial_id, metrics, evaluation, score))
        self._update_checkpoint(trial_id, metrics)
        self._drop_checkpoints()

    def learn_ranks(self, observations: Sequence[Observation]) -> None:
        """Teaches the strategy the ranks of another task's trials."""
        self._transfer(observations)

    def learn_scores(self, scored: CandidatesScored) -> None:
        """Passes the candidates and their score ranks to the strategy."""
        self._use_scores(scored.configs, score_ranks(scored.scores).tolist())

    def learn_audit(self, audit: ScoresAudited) -> None:
        """Tells the strategy to drop the scores if the audit found them misleading."""
        if audit.dropped:
            self._drop_scores()

    def _count_again(self, trial_id: str, metrics: Result) -> None:
        """Adds an ended trial to the evaluator; the strategy's own state is restored later."""
        evaluation = self.evaluator.judge_end(self.ledger.proposals[trial_id], metrics)
        if not evaluation.unusable:
            self.evaluator.add(trial_id, evaluation)

    def _observation(
        self, trial_id: str, metrics: Result, evaluation: Evaluation, score: float
    ) -> Observation:
        proposal = self.ledger.proposals[trial_id]
        values = evaluation.values
        return Observation(trial_id, proposal, values, metrics, score, evaluation.violation)

    def _trial_config(self, trial_id: str) -> dict[str, Any]:
        """A trial's config, with its parent's checkpoint where weights are inherited."""
        proposal = self.ledger.proposals[trial_id]
        config = self.space.to_tune(proposal.config)
        if self._checkpoints is None:
            return config
        if INHERIT_FROM in config:
            raise ValueError(
                f"space must not have a parameter {INHERIT_FROM!r} if weights are inherited: "
                "rename it"
            )
        return {**config, **self._checkpoints.config_entry(proposal.parents)}

    def _update_checkpoint(self, trial_id: str, metrics: Result) -> None:
        if self._checkpoints is not None and self._checkpoints.update(trial_id, metrics):
            how = str(metrics.get(INHERITANCE, ""))
            self.ledger.write(WeightsInherited(trial_id, how))

    def _drop_checkpoints(self) -> None:
        """Keeps the checkpoints of possible parents, and of pending trials and their parents."""
        if self._checkpoints is None:
            return
        pending = self.ledger.pending
        parents = {
            parent for trial_id in pending for parent in self.ledger.proposals[trial_id].parents
        }
        self._checkpoints.keep(self._possible_parents() | parents | pending.keys())
