"""Every trial of a search, live and after a restore, from one stream of events.

The ledger changes only by events: a live call writes an event and applies it, a restore applies
the recorded events. So both lead to the same state.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from ray_nas.record import events
from ray_nas.record.earlier_trials import EarlierTrial
from ray_nas.record.events import Event, Role, Status, UnknownEvent
from ray_nas.record.experiment import ExperimentRecord
from ray_nas.record.log import EventLog, Mark
from ray_nas.searchers.core.imported_trials import imported_row
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.searchers.core.stop_reasons import StopReasons
from ray_nas.spaces.core.search_space import Config
from ray_nas.tune_internals.result_keys import reported_numbers

Result: TypeAlias = Mapping[str, Any]
"""A flat result, as Tune passes it to a searcher."""


class TrialLedger:
    """The trials of a search.

    Args:
        duplicate_key: Returns the key of a config, equal for duplicates.

    Example:
        >>> ledger = TrialLedger(str)
        >>> ledger.propose("a", Proposal({"depth": 2}, "random", key="2"))
        >>> ledger.report("a", {"loss": 0.5})
        >>> ledger.end("a", "completed").status, ledger.is_known("2"), dict(ledger.pending)
        ('completed', True, {})
    """

    def __init__(self, duplicate_key: Callable[[Config], str]) -> None:
        self._duplicate_key = duplicate_key
        self._log = EventLog()
        self._reset()

    def _reset(self) -> None:
        self.record = ExperimentRecord(keep_reports=False)
        """The trials with their last report and their end."""
        self._proposals: dict[str, Proposal] = {}
        self._pending: dict[str, Result] = {}
        self._retryable: set[str] = set()
        self._known: set[str] = set()
        self.stops = StopReasons()
        """Why trials are being stopped."""
        self._restarted: dict[str, str] = {}

    @property
    def proposals(self) -> Mapping[str, Proposal]:
        """Trial id to proposal; imported trials included, retrainings not."""
        return MappingProxyType(self._proposals)

    @property
    def pending(self) -> Mapping[str, Result]:
        """Trial id to last full result, of each trial of the search that has not ended."""
        return MappingProxyType(self._pending)

    @property
    def retryable(self) -> frozenset[str]:
        """Trials that had failed before the last restore: Tune may run them again."""
        return frozenset(self._retryable)

    def is_known(self, key: str) -> bool:
        """Whether a config with this duplicate key was proposed."""
        return key in self._known

    def is_retryable(self, trial_id: str) -> bool:
        """Whether the trial had failed before the last restore."""
        return trial_id in self._retryable

    def proposed_id(self, trial_id: str) -> str:
        """The id under which a trial was proposed: another one if Tune restarted it."""
        return self._restarted.get(trial_id, trial_id)

    # Changes.

    def propose(self, trial_id: str, proposal: Proposal, role: Role = "search") -> None:
        """A proposal becomes a trial; its role is "retrain" if it trains a winner from scratch."""
        if role == "search":
            self._proposals[trial_id] = proposal
        config, move, parents = proposal.config, proposal.move, proposal.parents
        self.write(events.TrialProposed(trial_id, config, move, parents, role, proposal.expected))

    def report(self, trial_id: str, result: Result) -> None:
        """Writes a report; of a trial that a scheduler is stopping, it is the last one."""
        if trial_id in self.stops:
            self.report_last(trial_id, result)
        else:
            self._write_report(trial_id, result)

    def report_last(self, trial_id: str, result: Result) -> None:
        """Writes the result that came with a completion, unless it repeats the last report."""
        if reported_numbers(result) != self._last_numbers(trial_id):
            stopped = trial_id in self.stops
            self._write_report(trial_id, result, final=True, stopped=stopped)

    def end(
        self,
        trial_id: str,
        status: Status,
        reason: str = "",
        *,
        size: float | None = None,
        out_of_memory: bool = False,
    ) -> events.TrialEnded:
        """Ends a trial.

        Args:
            trial_id: Its id.
            status: How it ended.
            reason: Why; by default the reason for which a scheduler stopped it.
            size: The cost that measures its memory.
            out_of_memory: Whether it ran out of memory.
        """
        stopped = self.stops.pop(trial_id)
        event = events.TrialEnded(trial_id, status, reason or stopped, out_of_memory, size)
        self.write(event)
        return event

    def resume(self, trial_id: str) -> None:
        """A trial that had failed runs again; of a retry, its last result stays."""
        self.write(events.TrialResumed(trial_id))

    def restart(self, trial_id: str, new_id: str) -> None:
        """A trial that had failed runs again from scratch, under a new id."""
        self.write(events.TrialRestarted(trial_id, new_id))

    def note_stop(self, trial_id: str, reason: str, result: Result | None = None) -> None:
        """Says why a scheduler stops a trial.

        Args:
            trial_id: Its id.
            reason: Why; empty if it has its full length, or the scheduler does not say.
            result: The report for which it is stopped, if it is known at once. It is written here:
                other trials may report before Tune ends this one.
        """
        is_noted = trial_id in self.stops
        self.stops.note(trial_id, reason)
        if result is None or trial_id not in self._pending:
            return
        if not (is_noted and reported_numbers(result) == self._last_numbers(trial_id)):
            self._write_report(trial_id, result, final=True, stopped=True)

    def add_imported(
        self, trials: Sequence[EarlierTrial], arguments: dict[str, Any], *, same_task: bool
    ) -> list[str]:
        """Adds trials of an earlier experiment; returns their new ids.

        Args:
            trials: Their configs, as in this search's space, and their reports.
            arguments: How they are used, for the record.
            same_task: Whether they count as duplicates of this search's own.
        """
        rows = {
            f"earlier_{number}": imported_row(trial)
            for number, trial in enumerate(trials, start=len(self.record.imported))
        }
        self.write(events.TrialsImported(rows, same_task, arguments))
        return list(rows)

    def write(self, event: Event) -> None:
        """Appends an event to the record and applies it."""
        self._log.append(event)
        self._apply(event)

    # Saving.

    def save(self, folder: Path) -> Mark:
        """Appends the new events to the record in a folder; returns the mark for `restore`."""
        return self._log.save(folder)

    def restore(self, folder: Path, mark: Mark) -> Iterator[Event | UnknownEvent]:
        """Goes back to a saved mark: applies the recorded events and yields each.

        Raises:
            RecordError: The record does not match the mark.
        """
        recorded = self._log.restore(folder, mark)
        self._reset()
        for event in recorded:
            self._apply(event)
            if isinstance(event, events.TrialEnded) and self._has_failed(event):
                self._retryable.add(event.trial)
            yield event

    # Events.

    def _apply(self, event: Event | UnknownEvent) -> None:
        self.record.apply(event)
        match event:
            case events.TrialReported() if event.trial in self._pending:
                self._pending[event.trial] = event.metrics
            case events.TrialProposed() if event.role == "search":
                self._add(event)
            case events.TrialEnded():
                self._pending.pop(event.trial, None)
            case events.TrialResumed():
                self._run_again(event.trial)
            case events.TrialRestarted():
                self._run_again(event.trial)
                self._restarted[event.new_id] = event.trial
            case events.TrialsImported():
                self._add_imported(event)

    def _add(self, event: events.TrialProposed) -> None:
        proposal = self._proposals.get(event.trial)
        if proposal is None:
            key = self._duplicate_key(event.config)
            proposal = Proposal(event.config, event.move, event.parents, key, event.expected)
            self._proposals[event.trial] = proposal
        self._pending[event.trial] = {}
        self._known.add(proposal.key)

    def _add_imported(self, event: events.TrialsImported) -> None:
        for trial_id, trial in event.trials.items():
            key = self._duplicate_key(trial["config"])
            self._proposals[trial_id] = Proposal(trial["config"], "earlier", (), key)
            if event.same_task:
                self._known.add(key)

    def _has_failed(self, event: events.TrialEnded) -> bool:
        is_failure = event.status == "error" or event.out_of_memory
        return is_failure and event.trial in self._proposals

    def _run_again(self, trial_id: str) -> None:
        self._retryable.discard(trial_id)
        self._pending.setdefault(trial_id, {})

    def _last_numbers(self, trial_id: str) -> events.Metrics:
        if trial_id in self._pending:
            return reported_numbers(self._pending[trial_id])
        return self.record.trials[trial_id].metrics

    def _write_report(
        self, trial_id: str, result: Result, *, final: bool = False, stopped: bool = False
    ) -> None:
        self.write(events.TrialReported(trial_id, reported_numbers(result), final, stopped))
        if trial_id in self._pending:
            self._pending[trial_id] = result  # the full result: it names checkpoints
