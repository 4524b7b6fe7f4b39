"""Replays a recorded experiment: do searcher and scheduler still decide as they did?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ray_nas.record.events import (
    TrialEnded,
    TrialProposed,
    TrialReported,
    TrialRestarted,
    TrialResumed,
)
from ray_nas.record.experiment import read_events
from ray_nas.searchers import ArchitectureSearcher
from ray_nas.simulation.virtual_controller import VirtualController
from ray_nas.simulation.virtual_nodes import WorkerPool
from ray_nas.simulation.virtual_trial import VirtualTrial


class DivergenceError(ValueError):
    """A decision differs from the recorded one; the message names the trial and both decisions."""


def replay(
    path: str | Path, searcher: ArchitectureSearcher, scheduler: TrialScheduler | None = None
) -> list[VirtualTrial]:
    """Replays the events of a record in their order and checks every proposal and every stop.

    Args:
        path: An experiment's folder, or its record.
        searcher: A new one with the arguments of the recorded one, its metric included. If Tune
            gave it a `param_space`, pass that to its `set_search_properties` first.
        scheduler: A new one with the arguments of the recorded one; None if there was none. It
            must stop trials by their reports, and never pause them.

    Returns:
        The trials, with their reports and how they ended.

    Raises:
        DivergenceError: A proposal or a stop differs from the record. A trial that ended itself by
            reporting `done=True` counts as stopped by its last report: a record does not
            distinguish them.
        ValueError: The scheduler pauses trials.
        RecordError: The record is damaged.

    Example:
        >>> import tempfile
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import NASBench201
        >>> arguments = {"metric": "score", "mode": "max", "seed": 0}
        >>> searcher = RandomSearch(NASBench201(), **arguments)
        >>> history = simulate(lambda config: iter([(1, {"score": 1})]), searcher, max_trials=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     searcher.save(f"{folder}/state.json")
        ...     len(replay(folder, RandomSearch(NASBench201(), **arguments)))
        3
    """
    controller = _ReplayController(searcher, scheduler or FIFOScheduler())  # type: ignore[no-untyped-call]
    for event in read_events(path):
        match event:
            case TrialProposed(role="search"):
                controller.propose(event.trial, event.config)
            case TrialReported():
                controller.report(event.trial, event.metrics, event.final)
            case TrialEnded():
                controller.end(event)
            case TrialResumed() | TrialRestarted():
                controller.resume(event.trial)
                searcher.ledger.write(event)
    return controller.get_trials()


class _ReplayController(VirtualController):
    """The virtual controller, driven by a record instead of the clock."""

    def __init__(self, searcher: ArchitectureSearcher, scheduler: TrialScheduler) -> None:
        super().__init__(lambda config: iter(()), searcher, scheduler, WorkerPool(0), None)
        self._space = searcher.space
        self._by_id: dict[str, VirtualTrial] = {}

    def propose(self, trial_id: str, config: Mapping[str, Any]) -> None:
        """Repeats a proposal; the trial starts to run."""
        proposed: Any = self._searcher.suggest(trial_id)
        expected = self._space.to_tune(config)
        if proposed != expected:
            raise DivergenceError(f"trial {trial_id}: proposed was {expected}, now {proposed}")
        self._by_id[trial_id] = self._add(trial_id, proposed)
        self._set_status(self._by_id[trial_id], Trial.RUNNING)

    def report(self, trial_id: str, metrics: Mapping[str, Any], final: bool) -> None:
        """Repeats a report; `final` if the recorded trial was stopped for it."""
        trial = self._by_id[trial_id]
        result = {**metrics, "trial_id": trial_id, "done": False}
        decision = self._process(trial, result)
        if decision not in (TrialScheduler.CONTINUE, TrialScheduler.STOP):
            raise ValueError(
                "scheduler must stop or continue trials to be replayed, "
                f"{type(self._scheduler).__name__} returned {decision}"
            )
        if (decision == TrialScheduler.STOP) != final:
            was, now = ("stopped", "continues") if final else ("continued", "is stopped")
            raise DivergenceError(f"trial {trial_id}: after {metrics} it {was}, now it {now}")

    def end(self, event: TrialEnded) -> None:
        """The end of a trial; one that was stopped at its last report has ended already."""
        trial = self._by_id[event.trial]
        if event.out_of_memory:
            self._fail(trial, MemoryError(event.reason))
        elif event.status == "error":
            self._fail(trial, RuntimeError(event.reason))
        elif not trial.is_finished():
            self._return(trial)

    def resume(self, trial_id: str) -> None:
        """Runs a failed trial again, as after a restore."""
        trial = self._by_id[trial_id]
        trial.error, trial.ended = None, None
        self._live.add(trial)
        self._scheduler.on_trial_add(self, trial)
        self._set_status(trial, Trial.RUNNING)

    def _advance(self, trial: VirtualTrial) -> None:
        """Does nothing: the next report comes from the record."""
