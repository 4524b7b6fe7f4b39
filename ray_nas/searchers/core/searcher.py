"""`ArchitectureSearcher`: the adapter between Tune's calls and a strategy.

A decision is judged, then written to the ledger, then taught to the strategy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from ConfigSpace import ConfigurationSpace
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from ray_nas.checks import Limits
from ray_nas.record.given_arguments import RecordsArguments
from ray_nas.searchers.core import arguments
from ray_nas.searchers.core.candidates import CandidateSelector
from ray_nas.searchers.core.evaluation import Evaluator
from ray_nas.searchers.core.known_costs import Costs
from ray_nas.searchers.core.ledger import Result, TrialLedger
from ray_nas.searchers.core.memory_limit import MemoryLimit
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Move
from ray_nas.searchers.core.saving import SavedStrategy
from ray_nas.searchers.core.scheduler_link import SchedulerLink
from ray_nas.searchers.core.searcher_in_notebook import searcher_html
from ray_nas.searchers.core.trial_verdict import judge_end, judge_failure
from ray_nas.searchers.core.tune_trials import TuneTrials
from ray_nas.spaces.core.random_state import drawn_seed
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.state.attached_state import AttachedStates
from ray_nas.state.incremental_state import IncrementalState
from ray_nas.state.state_file import StateError

Space: TypeAlias = SearchSpace | ConfigurationSpace


class ArchitectureSearcher(SavedStrategy, RecordsArguments, Searcher):
    """A Tune searcher over architectures. A strategy implements `_ask`, `_tell` and its state.

    Args:
        space: A `SearchSpace` or a raw `ConfigurationSpace`. None if it is in Tune's `param_space`.
        metric: The metric to optimise; None for the one given to Tune.
        mode: "min" or "max"; None for the one given to Tune.
        objectives: Metric name to "min" or "max", for one or several objectives; replaces `metric`
            and `mode`.
        constraints: Name of a cost or of a reported metric to (low, high), None for no limit.
            Limits on costs are checked before a trial, limits on metrics afterwards.
        costs: Takes a trial's config, returns values known before training by name, e.g. parameters
            and FLOPs.
        baseline: The config of the network to beat, as a trial's config would hold it. It is the
            first trial, even if it breaks a limit, and the report compares with it. None for
            `space.baseline`, which is left out if it breaks a limit on costs.
        points_to_evaluate: Configs to try after the baseline, as trials' configs would hold them.
        seed: Seed of the searcher's generator. The same seed and order of events give the same
            proposals. None draws one, which the record holds.
        repeats: Whether to propose configs again once nothing new is left (for noisy objectives).

    Raises:
        ValueError: An argument breaks a rule; the message names it.
    """

    CKPT_FILE_TMPL = "searcher-state-{}.json"

    def __init__(
        self,
        space: Space | None = None,
        metric: str | None = None,
        mode: str | None = None,
        *,
        objectives: Mapping[str, str] | None = None,
        constraints: Mapping[str, Limits] | None = None,
        costs: Costs | None = None,
        baseline: Mapping[str, Any] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        repeats: bool = False,
    ) -> None:
        owner = type(self).__name__
        self.problem = SearchProblem(owner, space, metric, mode, objectives, constraints, costs)
        super().__init__()
        self._seed = drawn_seed() if seed is None else seed
        self._rng = np.random.default_rng(self._seed)
        self.ledger = TrialLedger(self.problem.duplicate_key)
        self.candidates = CandidateSelector(points_to_evaluate or (), repeats, baseline)
        self._evaluator: Evaluator | None = None
        self._tune_trials = TuneTrials(self.problem, self.ledger)
        self._memory = MemoryLimit()
        self._scheduler = SchedulerLink(self.ledger, self.note_stop)
        self._attached = AttachedStates()
        self._incremental = IncrementalState()
        self._refused: StateError | None = None
        """Why the last restore failed."""
        self._imports: list[Callable[[ArchitectureSearcher], None]] = []
        """What to import once space and objectives are known."""
        if self.problem.own_space is not None:
            self.candidates.check_points(self.problem.own_space)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        arguments.complete(cls, ArchitectureSearcher)

    @property
    def metric(self) -> Any:
        """The metric to optimise; a list with several objectives."""
        problem = self.problem
        return list(problem.directions) if problem.has_own_objectives else problem.metric

    @property
    def mode(self) -> Any:
        """The mode, "min" or "max"; a list with several objectives."""
        problem = self.problem
        return list(problem.directions.values()) if problem.has_own_objectives else problem.mode

    @property
    def objectives(self) -> dict[str, str]:
        """Metric name to "min" or "max", as far as known."""
        return self.problem.directions

    def _repr_html_(self) -> str:
        return searcher_html(self, self.problem, self.ledger.record, self._seed)

    # Tune's calls.

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Adds Tune's metric, mode and `param_space`.

        Raises:
            ValueError: They contradict the searcher's own, or hold what cannot be searched.
        """
        self.problem.use_metric(metric, mode)
        if not self.ledger.proposals:
            self.problem.use_param_space(config)
            self.prepare()
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # Ray's annotation lacks "FINISHED"
        """The next trial's config, or "FINISHED" if nothing new is left."""
        self.prepare()
        proposed_id = self.ledger.proposed_id(trial_id)
        lost = None if proposed_id in self.ledger.proposals else self._tune_trials.next_lost()
        if lost is not None:
            self.ledger.restart(lost, trial_id)
            proposed_id = lost
        if proposed_id not in self.ledger.proposals:
            self._before_decision()
            objectives = self.evaluator.objectives
            proposal = self.candidates.next(
                self.problem, self.ledger, objectives, self._memory, self._ask, self._rng
            )
            if proposal is None:
                return str(Searcher.FINISHED)
            expected = self._expected(proposal)
            proposal = proposal if expected is None else replace(proposal, expected=expected)
            self.ledger.propose(trial_id, proposal)
            self._proposed(trial_id, proposal)
        return self._trial_config(proposed_id)

    def on_trial_result(self, trial_id: str, result: Result) -> None:
        """A trial reported; ignored if it is unknown or has ended."""
        self.prepare()
        trial_id = self._tune_trials.proposed_id(trial_id)
        if self.ledger.is_retryable(trial_id):
            self.ledger.resume(trial_id)
        if trial_id in self.ledger.pending:
            self.ledger.report(trial_id, result)
            self.learn_report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: Result | None = None, error: bool = False
    ) -> None:
        """A trial ended, and counts once; its last report counts if none is passed."""
        self.prepare()
        trial_id = self._tune_trials.proposed_id(trial_id)
        if self.ledger.is_retryable(trial_id) and result and not error:
            self.ledger.resume(trial_id)
        if trial_id not in self.ledger.pending:
            return
        if result:
            self.ledger.report_last(trial_id, result)
        metrics = self.ledger.pending[trial_id]
        proposal = self.ledger.proposals[trial_id]
        if error:
            verdict = judge_failure(self.problem, proposal)
        else:
            verdict = judge_end(self.problem, self.evaluator, proposal, metrics)
        ended = self.ledger.end(
            trial_id,
            verdict.status,
            verdict.reason,
            size=verdict.size,
            out_of_memory=verdict.out_of_memory,
        )
        self._memory.apply(ended)
        self.learn_end(trial_id, metrics, verdict.evaluation)

    def on_pause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` pauses a trial: it stays pending."""

    def on_unpause(self, trial_id: str) -> None:
        """Tune's `HyperBandForBOHB` continues a trial."""

    def _end_unreported(self) -> None:
        """Ends the trials that Tune has ended without a call."""
        for trial_id, trial in self._tune_trials.ended_unreported():
            result = self._tune_trials.last_result(trial)
            if trial.status == Trial.ERROR:
                self.on_trial_complete(trial_id, result, error=True)
            elif result is None and not self.ledger.pending[trial_id]:
                self.ledger.end(trial_id, "unfinished", "cut off before its first report")
            else:
                if not trial.last_result.get("done"):
                    self.ledger.stops.note_cut_off(trial_id)
                self.on_trial_complete(trial_id, result)

    # For wrappers and warm starts.

    def prepare(self) -> None:
        """Completes the problem and imports earlier trials, before the first trial.

        Raises:
            StateError: The last restore failed.
            ValueError: Space, metric or mode is missing, or a config to try first is invalid.
        """
        if self._refused is not None:
            raise self._refused
        self._scheduler.find()
        if self._evaluator is not None:
            return
        evaluator = Evaluator(self.problem, scalarize=self.needs_score)
        self.ledger.write(self.problem.started_event(self._seed, self.given_arguments))
        self._scheduler.write()
        self._evaluator = evaluator
        self.candidates.check_points(self.space)
        while self._imports:
            self._imports.pop(0)(self)

    def propose_first(self, parent: str, configs: Sequence[Config], move: Move = "earlier") -> None:
        """Tries these configs before the strategy's own; replaces those of the same parent."""
        self.candidates.propose_first(parent, configs, move)

    def check_import(self, *, same_task: bool) -> None:
        """Raises a ValueError if earlier trials cannot be imported."""

    def import_when_ready(self, action: "Callable[[ArchitectureSearcher], None]") -> None:
        """Imports earlier trials once space and objectives are known."""
        self._imports.append(action)
