"""Matches Tune's trials to proposals, where Tune does not say which is which, or that one ended."""

from collections.abc import Iterator, Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.utils import flatten_dict

from ray_nas.searchers.core.ledger import TrialLedger
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.tune_internals.tune_controller import run_is_over, tune_trials


class TuneTrials:
    """The trials of the running experiment beside those of the ledger.

    Args:
        problem: The space, to compare configs.
        ledger: The trials that were proposed.
    """

    def __init__(self, problem: SearchProblem, ledger: TrialLedger) -> None:
        self._problem = problem
        self._ledger = ledger
        self._foreign: set[str] = set()
        """Ids of trials that this searcher did not propose."""
        self._lost: list[str] = []
        """Pending trials that Tune did not find when it was restored."""

    def proposed_id(self, trial_id: str) -> str:
        """The id under which a trial was proposed.

        It is another one if Tune restarted a failed trial. An unknown id is returned unchanged.
        """
        if trial_id in self._ledger.proposals or trial_id in self._foreign:
            return trial_id
        proposed = self._ledger.proposed_id(trial_id)
        if proposed != trial_id:
            return proposed
        failed = self._failed_with_same_config(trial_id)
        if failed is None:
            self._foreign.add(trial_id)
            return trial_id
        self._ledger.restart(failed, trial_id)
        return failed

    def ended_unreported(self) -> Iterator[tuple[str, Trial]]:
        """Pending trials that Tune has ended without telling the searcher, by their proposed id.

        These are the trials that the end of the run cut off, and restarted trials behind a
        `ConcurrencyLimiter`.
        """
        is_over = run_is_over()
        for trial in tune_trials():
            if trial.status not in (Trial.TERMINATED, Trial.ERROR):
                continue
            trial_id = self.proposed_id(trial.trial_id)
            is_restarted = trial_id != trial.trial_id
            if trial_id in self._ledger.pending and (is_over or is_restarted):
                yield trial_id, trial

    def last_result(self, trial: Trial) -> dict[str, Any] | None:
        """Tune's last flat result of a trial; None if it has reported nothing."""
        result = flatten_dict(trial.last_result)
        is_reported = any(name in result for name in self._problem.directions)
        return result if is_reported else None

    def compare_restored(self, trials: Sequence[Trial]) -> list[Trial]:
        """Compares the trials that Tune restores with the ledger's.

        Those that only the ledger has are `next_lost` later on.

        Returns:
            The trials that only Tune has, without those that restart a failed one.
        """
        proposed = {trial.trial_id: self._ledger.proposed_id(trial.trial_id) for trial in trials}
        self._lost = sorted(self._ledger.pending.keys() - set(proposed.values()))
        unknown = [
            trial for trial in trials if proposed[trial.trial_id] not in self._ledger.proposals
        ]
        return [trial for trial in unknown if self._failed_with_config(trial.config) is None]

    def next_lost(self) -> str | None:
        """The next pending trial that Tune has lost; each is returned once."""
        return self._lost.pop(0) if self._lost else None

    def _failed_with_same_config(self, trial_id: str) -> str | None:
        """The failed trial that a new one restarts, recognised by their config."""
        if not self._ledger.retryable:
            return None
        configs = [trial.config for trial in tune_trials() if trial.trial_id == trial_id]
        return self._failed_with_config(configs[0]) if configs else None

    def _failed_with_config(self, trial_config: dict[str, Any]) -> str | None:
        """The failed trial with the config of one of Tune's trials."""
        config = self._problem.space.from_tune(trial_config)
        proposals = self._ledger.proposals
        failed = [name for name in self._ledger.retryable if proposals[name].config == config]
        return min(failed, default=None)
