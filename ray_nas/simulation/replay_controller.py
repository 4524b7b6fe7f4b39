"""Drives a searcher and a scheduler by a record, and compares what they decide with it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ray_nas.record.events import (
    CandidatesScored,
    Event,
    SchedulerStarted,
    TrialEnded,
    TrialProposed,
    TrialReported,
    TrialRestarted,
    TrialResumed,
    UnknownEvent,
    decode,
    encode,
)
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.searchers.core.wrapper import SearcherWrapper
from ray_nas.simulation.shared_metric import share_metric
from ray_nas.simulation.virtual_controller import VirtualController
from ray_nas.simulation.virtual_nodes import WorkerPool
from ray_nas.simulation.virtual_trial import VirtualTrial
from ray_nas.tune_internals.trial_errors import failing

_ABSENT = "-"


@dataclass(frozen=True)
class Difference:
    """A decision that differs from the recorded one."""

    line: int
    """The line of the record, from 1."""
    event: str
    """Its kind, e.g. "proposal"."""
    trial: str
    """The trial's id; empty if the event is about none."""
    change: str
    """What was recorded, and what is decided now."""

    def __str__(self) -> str:
        trial = f" of trial {self.trial}" if self.trial else ""
        return f"line {self.line}, the {self.event}{trial}: {self.change}"


class ReplayController(VirtualController):
    """The virtual controller, driven by a record instead of the clock.

    Args:
        searcher: A new searcher.
        scheduler: A new scheduler; None to follow the recorded decisions without checking them.
        constants: What every trial's config holds besides, for schedulers that look at it.
    """

    def __init__(
        self,
        searcher: ArchitectureSearcher | SearcherWrapper,
        scheduler: TrialScheduler | None,
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self._constants = dict(constants or {})
        self._fresh = copy.deepcopy(scheduler)
        """For a scheduler that begins anew after a restore."""
        self._checks_stops = scheduler is not None
        self.proposals = self.reports = self.stops = self.ends = 0
        """Decisions that were equal."""
        self._ours = searcher
        self._by_id: dict[str, VirtualTrial] = {}
        self._schedulers = 0
        self._scored: CandidatesScored | None = None
        used = scheduler or FIFOScheduler()  # type: ignore[no-untyped-call]
        super().__init__(lambda config: iter(()), searcher, used, WorkerPool(0), None)

    def repeat(self, event: Event | UnknownEvent, line: int) -> Difference | None:
        """Repeats what led to an event; returns the difference if it comes out otherwise."""
        match event:
            case TrialProposed(role="search"):
                change = self._propose(event)
            case TrialReported() if event.trial in self._by_id:
                change = self._report(event)
            case TrialEnded() if event.trial in self._by_id:
                change = self._end_trial(event)
            case TrialResumed() | TrialRestarted():
                change = self._run_again(event)
            case CandidatesScored():
                self._scored = event
                change = ""
            case SchedulerStarted():
                change = self._renew_scheduler()
            case _:
                return None
        return Difference(line, event.kind, getattr(event, "trial", ""), change) if change else None

    def _propose(self, event: TrialProposed) -> str:
        """Repeats a proposal; the trial starts to run."""
        suggested: Any = self._searcher.suggest(event.trial)
        if not isinstance(suggested, dict):
            return f"{event.config} was proposed, now nothing is: {suggested}"
        change = self._scores_change()
        if change:
            return change
        own = self._ours.ledger.proposals[event.trial]
        now = decode(encode(TrialProposed(event.trial, own.config, own.move, own.parents)))
        assert isinstance(now, TrialProposed)
        change = _change(_decided(event), _decided(now))
        if not change:
            self.proposals += 1
            self._by_id[event.trial] = self._add(event.trial, _merged(self._constants, suggested))
            self._set_status(self._by_id[event.trial], Trial.RUNNING)
        return change

    def _scores_change(self) -> str:
        """Whether other candidates were scored before the first trial."""
        recorded, self._scored = self._scored, None
        now = self._ours.ledger.record.scored
        if recorded is None:
            return ""
        configs = [] if now is None else now.configs
        if configs == recorded.configs:
            return ""
        return f"{len(recorded.configs)} other candidates were scored before it"

    def _report(self, event: TrialReported) -> str:
        """Repeats a report, and asks the scheduler where it was asked."""
        trial = self._by_id[event.trial]
        result = {**event.metrics, "trial_id": trial.trial_id, "done": event.final}
        shown = dict(result)
        trial.add_report(result, self.clock)
        if event.final and not event.stopped:
            return ""  # the trial ended itself
        decision = TrialScheduler.STOP if event.stopped else TrialScheduler.CONTINUE
        if self._checks_stops:
            decision = self._scheduler.on_trial_result(self, trial, {**shown, "done": False})
            change = _stop_change(event, decision, type(self._scheduler).__name__)
            if change:
                return change
            self.reports += 1
            self.stops += event.stopped
        if decision == TrialScheduler.CONTINUE:
            self._searcher.on_trial_result(trial.trial_id, shown)
        return ""

    def _end_trial(self, event: TrialEnded) -> str:
        """Repeats the end of a trial."""
        trial = self._by_id[event.trial]
        if event.status == "unfinished":
            self._ours.ledger.end(event.trial, "unfinished", event.reason)
            self._end(trial, Trial.TERMINATED)
            return ""
        if event.out_of_memory:
            self._fail(trial, MemoryError(event.reason))
        elif event.status == "error":
            self._fail(trial, RuntimeError(event.reason))
        else:
            self._return(trial)
        now = self._ours.ledger.record.trials[event.trial]
        if now.status != event.status:
            return f"it was judged {event.status}, now {now.status} ({now.reason})"
        self.ends += 1
        return ""

    def _fail(self, trial: VirtualTrial, error: Exception) -> None:
        """Ends a failed trial; unlike in a simulation, any number may fail in a row."""
        trial.error = error
        with failing(error):
            self._scheduler.on_trial_error(self, trial)
            self._searcher.on_trial_complete(trial_id=trial.trial_id, result=None, error=True)
        self._end(trial, Trial.ERROR)

    def _run_again(self, event: TrialResumed | TrialRestarted) -> str:
        """Runs a failed trial again: after a restore, or as a retry."""
        trial = self._by_id[event.trial]
        if isinstance(event, TrialResumed) and not trial.is_finished():
            self._scheduler.on_trial_error(self, trial)
            self._scheduler.on_trial_add(self, trial)
            return ""
        if isinstance(event, TrialRestarted):
            trial = VirtualTrial(event.new_id, trial.number, trial.config)
            self._by_id[event.trial] = self._trials[trial.number] = trial
        trial.error, trial.ended = None, None
        self._live.add(trial)
        self._scheduler.on_trial_add(self, trial)
        self._set_status(trial, Trial.RUNNING)
        self._ours.ledger.write(event)
        return ""

    def _renew_scheduler(self) -> str:
        """From the second time on, the scheduler begins anew: a restore forgot what it knew."""
        self._schedulers += 1
        if self._schedulers > 1 and self._fresh is not None:
            self._scheduler = copy.deepcopy(self._fresh)
            share_metric(self._searcher, self._scheduler)
            self._ours.use_scheduler(self._scheduler)
            for trial in self._trials:
                if trial in self._live:
                    self._scheduler.on_trial_add(self, trial)
        return ""

    def _advance(self, trial: VirtualTrial) -> None:
        """Does nothing: the next report comes from the record."""


def _merged(constants: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's config as Tune makes it, nested entries included."""
    found = {**constants, **config}
    for name in constants.keys() & config.keys():
        if isinstance(constants[name], Mapping) and isinstance(config[name], Mapping):
            found[name] = _merged(constants[name], config[name])
    return found


def _stop_change(event: TrialReported, decision: str, scheduler: str) -> str:
    if decision not in (TrialScheduler.CONTINUE, TrialScheduler.STOP):
        raise ValueError(
            f"scheduler must stop or continue trials to be replayed, {scheduler} returned "
            f"{decision}"
        )
    if (decision == TrialScheduler.STOP) == event.stopped:
        return ""
    was, now = ("stopped", "continues") if event.stopped else ("continued", "is stopped")
    return f"after {event.metrics} it {was}, now it {now}"


def _decided(event: TrialProposed) -> dict[str, Any]:
    """What a searcher decides of a proposal."""
    return {**event.config, "move": event.move, "parents": list(event.parents)}


def _change(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The entries that differ."""
    return ", ".join(
        f"{name} was {recorded.get(name, _ABSENT)!r}, is now {now.get(name, _ABSENT)!r}"
        for name in {**recorded, **now}
        if recorded.get(name, _ABSENT) != now.get(name, _ABSENT)
    )
