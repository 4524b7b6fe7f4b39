"""Replays a recorded experiment: do searcher and scheduler still decide as they did?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ray_nas.record import files
from ray_nas.record.events import ExperimentStarted, SchedulerStarted
from ray_nas.record.experiment import RecordError, read_events
from ray_nas.searchers.core.searcher import Space
from ray_nas.simulation.recorded_objects import (
    AnySearcher,
    check_space,
    recorded_scheduler,
    recorded_searcher,
)
from ray_nas.simulation.replay_controller import Difference, ReplayController
from ray_nas.simulation.virtual_trial import VirtualTrial
from ray_nas.spaces.core.search_space import SearchSpace
from ray_nas.tune_internals.scheduler_decisions import describe


@dataclass(frozen=True)
class Replay:
    """What a replay found."""

    record: str
    """The record's file."""
    searcher: str
    """The searcher's class name."""
    scheduler: str
    """The scheduler's class name; empty if there was none."""
    proposals: int
    """Proposals that came out equal."""
    reports: int
    """Reports after which the scheduler decided as recorded."""
    stops: int
    """How many of these stopped a trial."""
    ends: int
    """Trials that were judged as recorded at their end."""
    difference: Difference | None = None
    """The first difference, where the replay ended; None if there is none."""
    unchecked: str = ""
    """What could not be replayed, and why; empty if all was."""
    trials: list[VirtualTrial] = field(default_factory=list, repr=False)
    """The trials, with their reports and how they ended."""

    @property
    def decisions(self) -> int:
        """Decisions that came out equal."""
        return self.proposals + self.reports + self.ends

    def summary(self) -> str:
        """The outcome in a few lines."""
        counts = [f"{self.proposals} proposals of {self.searcher}"]
        if self.scheduler:
            counts.append(f"{self.reports} decisions of {self.scheduler} ({self.stops} stops)")
        counts.append(f"{self.ends} ends of trials")
        lines = [f"equal: {', '.join(counts)}"]
        running = sum(not trial.is_finished() for trial in self.trials)
        if running and self.difference is None:
            lines.append(f"{running} trials have not ended in this record")
        if self.unchecked:
            lines.append(f"not checked: {self.unchecked}")
        if self.difference is None:
            lines.append("no difference")
        else:
            lines.append(f"first difference: {self.difference}")
        return "\n".join(lines)


def replay(
    folder: str | Path,
    *,
    space: Space | None = None,
    param_space: Mapping[str, Any] | None = None,
    searcher: AnySearcher | None = None,
    scheduler: TrialScheduler | None = None,
) -> Replay:
    """Makes every proposal and every stop of an experiment again from its record, and compares.

    Searcher and scheduler are made anew with the recorded arguments. Arguments that are not JSON,
    such as `costs`, are not in the record: then the searcher or the scheduler has to be passed.

    Args:
        folder: An experiment's folder, or its record.
        space: The space that was given to the searcher. Not needed with a searcher.
        param_space: Tune's `param_space`, if something in it was searched too.
        searcher: A new one with the arguments of the recorded one, its metric and seed included;
            None to make it from the record. If Tune gave it a `param_space`, pass that to its
            `set_search_properties` first.
        scheduler: A new one with the arguments of the recorded one; None to make it from the
            record.

    Returns:
        What was equal, and the first difference.

    Raises:
        FileNotFoundError: There is no record.
        RecordError: It is damaged; the message names the line and what differs.
        ValueError: The space is another one, or searcher or scheduler cannot be made from the
            record; the message says what to pass.

    Example:
        >>> import tempfile
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import NASBench201
        >>> searcher = RandomSearch(NASBench201(), metric="score", mode="max")
        >>> history = simulate(lambda config: iter([(1, {"score": 1})]), searcher, max_trials=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     searcher.save(f"{folder}/state.json")
        ...     print(replay(folder, space=NASBench201()).summary())
        equal: 3 proposals of RandomSearch, 3 decisions of FIFOScheduler (0 stops), 3 ends of trials
        no difference
    """
    file = files.find(folder)[-1]
    events = list(read_events(file))  # a damaged line is found before anything is replayed
    started = events[0] if events else None
    if not isinstance(started, ExperimentStarted):
        raise RecordError(f"{file} is damaged: it does not begin with the experiment's properties")
    used = next((event for event in events if isinstance(event, SchedulerStarted)), None)
    unchecked = ""
    try:
        if searcher is None:
            searcher = recorded_searcher(events, space, param_space)
        check_space(started, searcher.space)
        if scheduler is None and used is not None:
            scheduler, unchecked = recorded_scheduler(used, _search_space(space, param_space))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {error}") from error
    if not unchecked:
        scheduler = scheduler or FIFOScheduler()  # type: ignore[no-untyped-call]
    controller = ReplayController(searcher, scheduler, started.constants)
    repeated = (controller.repeat(event, line) for line, event in enumerate(events, start=1))
    difference = next((found for found in repeated if found is not None), None)
    return Replay(
        record=file,
        searcher=started.searcher,
        scheduler="" if scheduler is None else describe(scheduler).scheduler,
        proposals=controller.proposals,
        reports=controller.reports,
        stops=controller.stops,
        ends=controller.ends,
        difference=difference,
        unchecked=unchecked,
        trials=controller.get_trials(),
    )


def _search_space(space: Space | None, param_space: Mapping[str, Any] | None) -> SearchSpace | None:
    """The architectures, for a scheduler that encodes them."""
    found = [space, *(param_space or {}).values()]
    return next((one for one in found if isinstance(one, SearchSpace)), None)
