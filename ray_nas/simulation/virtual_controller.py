"""`VirtualController`: Tune's event loop on a virtual clock.

It drives the very searcher and scheduler objects that Tune would, in the order of Tune's own
controller (`ray.tune.execution.tune_controller`):

1. While a worker is free and no trial waits, the searcher proposes one (`suggest`), and the
   scheduler hears of it (`on_trial_add`). Then the scheduler chooses a trial to run; if it chooses
   none, a waiting trial runs.
2. A report goes to the scheduler and, unless that stops the trial, to the searcher
   (`on_trial_result`).
3. A result for which the scheduler stops the trial goes to both as `on_trial_complete` only. An
   objective that is exhausted ends like a function that returns: its last result is passed on
   again, as `on_trial_complete` with `done`.

One difference: Tune proposes one trial more than it has workers for, unless `max_concurrent_trials`
is set. Here a trial is proposed when a worker is free for it, so that a search with one worker is
truly sequential. On a `VirtualCluster`, whether there is room depends on the trial, so one waits as
in Tune.

A trial whose node fails is queued again as in Tune (the scheduler's `on_trial_error` and
`on_trial_add`, nothing for the searcher), and repeats its reports since its last checkpoint.

`tests/simulation/test_virtual_controller.py` fails when Ray's schedulers begin to use more of a
controller than is implemented here.
"""

import heapq
import inspect
import itertools
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ray_nas.simulation.shared_metric import check_metrics, share_metric
from ray_nas.simulation.virtual_nodes import WorkerPool
from ray_nas.simulation.virtual_trial import Report, VirtualTrial
from ray_nas.tune_internals.trial_errors import failing

logger = logging.getLogger(__name__)

Objective = Callable[..., Iterator[Report]]
"""Called with a trial's config, and a numpy generator if it has an argument `rng`.

Yields (seconds, metrics) for each report.
"""
_FAILURES: Final = 1_000
"""Failed trials in a row, or restarts of one trial without progress, that end the simulation."""


class SearchAlg:
    """The `search_alg` of Tune's controller, where `HyperBandForBOHB` looks for the searcher."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.metric = searcher.metric


class VirtualController:
    """Replaces Tune's `TuneController`: schedulers call its public methods."""

    def __init__(
        self,
        objective: Objective,
        searcher: Searcher,
        scheduler: TrialScheduler,
        workers: WorkerPool,
        seed: int | None,
    ) -> None:
        self.search_alg = SearchAlg(searcher)
        self.clock = 0.0
        self._objective = objective
        self._searcher = searcher
        self._scheduler: Any = scheduler  # its annotations want Tune's own controller and trials
        self._takes_rng = "rng" in inspect.signature(objective).parameters
        self._entropy = np.random.SeedSequence(seed).entropy
        self._workers = workers
        self._trials: list[VirtualTrial] = []
        self._live: set[VirtualTrial] = set()
        # Dicts serve as ordered sets
        self._pending: dict[VirtualTrial, None] = {}
        self._paused: dict[VirtualTrial, None] = {}
        self._events: list[tuple[float, int, int, VirtualTrial, dict[str, Any]]] = []
        """(time, counter, attempt, trial, result) of each report to come, a heap."""
        self._counter = itertools.count()
        self._exhausted = False
        self._failures = 0
        # `FIFOScheduler` and its subclasses scan all trials for a waiting one; the queues here give
        # the same answer at once
        self._fifo = type(scheduler).choose_trial_to_run is FIFOScheduler.choose_trial_to_run
        share_metric(searcher, scheduler)
        if hasattr(searcher, "use_scheduler"):
            searcher.use_scheduler(scheduler)

    # What schedulers call

    def get_trials(self) -> list[VirtualTrial]:
        """All trials, in the order of their proposal."""
        return self._trials

    def get_live_trials(self) -> set[VirtualTrial]:
        """The trials that have not ended."""
        return self._live

    def stop_trial(self, trial: VirtualTrial) -> None:
        """Ends a trial, as a scheduler decides; waiting and paused ones end without a result."""
        if trial.is_finished():
            return
        if trial.status == Trial.RUNNING:
            result = dict(trial.last_result)
            self._scheduler.on_trial_complete(self, trial, dict(result))
            self._searcher.on_trial_complete(trial_id=trial.trial_id, result=result, error=False)
        else:
            self._scheduler.on_trial_remove(self, trial)
            self._searcher.on_trial_complete(trial_id=trial.trial_id, result=None, error=False)
        self._end(trial, Trial.TERMINATED)

    def pause_trial(self, trial: VirtualTrial, should_checkpoint: bool = True) -> None:
        """Takes a running trial off its worker, to continue later from where it is."""
        if trial.status == Trial.RUNNING:
            self._set_status(trial, Trial.PAUSED)

    # The event loop

    def loop(self, max_trials: float, max_seconds: float) -> None:
        """Runs until everything is done, or the clock reaches `max_seconds`."""
        while True:
            self._fill_workers(max_trials)
            self._drop_void_events()
            change = self._workers.next_change()
            report = self._events[0][0] if self._events else math.inf
            if not self._events and (not self._pending or change == math.inf):
                self._check_done(max_trials)
                return
            if min(change, report) > max_seconds:
                self.clock = max_seconds
                return
            if not self._events or change <= report:
                self.clock = change
                for trial in self._workers.apply_change():
                    self._interrupt(trial)
            else:
                self.clock, _, _, trial, result = heapq.heappop(self._events)
                self._process(trial, result)

    def _drop_void_events(self) -> None:
        """Drops the next events while they are of an interrupted attempt."""
        while self._events and self._events[0][2] != self._events[0][3].attempt:
            heapq.heappop(self._events)

    def _fill_workers(self, max_trials: float) -> None:
        """Starts trials until nothing more fits."""
        while not self._workers.is_full():
            while len(self._pending) < self._workers.max_pending and self._ask(max_trials):
                pass
            trial = self._place_next()
            if trial is None:
                return
            self._start(trial)

    def _place_next(self) -> VirtualTrial | None:
        """Gives resources to the scheduler's choice, or to the first waiting trial that fits."""
        chosen = self._choose()
        candidates = [] if chosen is None else [chosen]
        if self._workers.max_pending > 1:
            candidates += [trial for trial in self._pending if trial is not chosen]
        fitting = (trial for trial in candidates if self._workers.place(trial, self.clock))
        return next(fitting, None)

    def _ask(self, max_trials: float) -> bool:
        """Asks the searcher for a trial; returns whether there is one."""
        if self._exhausted or len(self._trials) >= max_trials:
            return False
        trial_id = f"virtual_{len(self._trials):05d}"
        config: Any = self._searcher.suggest(trial_id)
        self._exhausted = config == Searcher.FINISHED
        if config is None or self._exhausted:
            return False
        self._add(trial_id, config)
        return True

    def _add(self, trial_id: str, config: dict[str, Any]) -> VirtualTrial:
        trial = VirtualTrial(trial_id, len(self._trials), config)
        self._trials.append(trial)
        self._live.add(trial)
        self._pending[trial] = None
        self._scheduler.on_trial_add(self, trial)
        return trial

    def _choose(self) -> VirtualTrial | None:
        if self._fifo:
            return next(itertools.chain(self._pending, self._paused), None)
        chosen: VirtualTrial | None = self._scheduler.choose_trial_to_run(self)
        return chosen or next(iter(self._pending), None)

    def _start(self, trial: VirtualTrial) -> None:
        self._set_status(trial, Trial.RUNNING)
        if trial.started is None:
            trial.started = self.clock
        self._advance(trial)

    def _advance(self, trial: VirtualTrial) -> None:
        """Runs the objective up to its next report, which arrives when its seconds have passed."""
        try:
            if trial.reports is None:
                trial.reports = itertools.islice(self._call_objective(trial), trial.iteration, None)
            report = next(trial.reports, None)
        except Exception as error:  # any error of the user's code fails the trial, as in Tune
            self._fail(trial, error)
            return
        if report is None:
            self._return(trial)
            return
        seconds, metrics = report
        if not (0 <= seconds < math.inf):
            raise ValueError(
                f"objective must yield (seconds, metrics) with finite seconds >= 0, got {seconds!r}"
            )
        result = trial.next_result(seconds, metrics)
        event = (self.clock + seconds, next(self._counter), trial.attempt, trial, result)
        heapq.heappush(self._events, event)

    def _return(self, trial: VirtualTrial) -> None:
        """Ends a trial whose objective returned: passes its last result again, marked done."""
        trial.last_result["done"] = True
        self.stop_trial(trial)

    def _call_objective(self, trial: VirtualTrial) -> Iterator[Report]:
        config = dict(trial.config)
        if not self._takes_rng:
            return self._objective(config)
        # Independent of the order in which trials run
        seeds = np.random.SeedSequence(self._entropy, spawn_key=(trial.number,))
        return self._objective(config, rng=np.random.default_rng(seeds))

    def _process(self, trial: VirtualTrial, result: dict[str, Any]) -> str:
        """Handles a report as `TuneController._process_trial_result` does; returns the decision."""
        self._failures = 0
        trial.iteration += 1
        shown = dict(result)
        check_metrics(shown, self._searcher, self._scheduler)
        decision: str = TrialScheduler.STOP
        if not result["done"]:
            decision = self._scheduler.on_trial_result(self, trial, shown)
        if decision == TrialScheduler.STOP:
            result["done"] = True
        else:
            self._searcher.on_trial_result(trial.trial_id, shown)
        trial.add_report(result, self.clock)
        self._apply(decision, trial)
        return decision

    def _apply(self, decision: str, trial: VirtualTrial) -> None:
        if decision == TrialScheduler.CONTINUE:
            self._advance(trial)
        elif decision == TrialScheduler.PAUSE:
            self.pause_trial(trial)
        elif decision == TrialScheduler.STOP:
            self.stop_trial(trial)
        elif decision != TrialScheduler.NOOP:
            raise ValueError(
                f"{type(self._scheduler).__name__}.on_trial_result must return a decision of "
                f"TrialScheduler, got {decision!r}"
            )

    def _fail(self, trial: VirtualTrial, error: Exception) -> None:
        self._failures += 1
        if self._failures == _FAILURES:
            raise RuntimeError(
                f"{_FAILURES} trials in a row failed at once, the last with {error!r}"
            ) from error
        logger.warning("trial %s failed: %r", trial.trial_id, error)
        trial.error = error
        with failing(error):
            self._scheduler.on_trial_error(self, trial)
            self._searcher.on_trial_complete(trial_id=trial.trial_id, result=None, error=True)
        self._end(trial, Trial.ERROR)

    def _interrupt(self, trial: VirtualTrial) -> None:
        """Queues a trial again whose node failed, as `TuneController._try_recover` does."""
        trial.failures += 1
        if 0 <= self._workers.max_failures < trial.failures:
            self._fail(trial, RuntimeError(f"its node failed, {trial.failures} times in all"))
            return
        frequency = self._workers.checkpoint_frequency
        trial.iteration = trial.iteration // frequency * frequency if frequency else 0
        if trial.iteration <= trial.checkpointed_reports:
            trial.restarts_without_progress += 1
        else:
            trial.restarts_without_progress = 0
        trial.checkpointed_reports = trial.iteration
        if self._workers.max_failures < 0 and trial.restarts_without_progress == _FAILURES:
            raise RuntimeError(
                f"trial {trial.trial_id} lost its node {_FAILURES} times without a new checkpoint: "
                "nodes fail too often for it to ever end"
            )
        trial.reports = None
        self._scheduler.on_trial_error(self, trial)
        self._set_status(trial, Trial.PENDING)
        self._pending[trial] = None
        self._scheduler.on_trial_add(self, trial)

    def _end(self, trial: VirtualTrial, status: str) -> None:
        self._set_status(trial, status)
        trial.ended = self.clock
        trial.reports = None
        self._live.discard(trial)

    def _set_status(self, trial: VirtualTrial, status: str) -> None:
        was_running = trial.status == Trial.RUNNING
        trial.status = status
        if was_running:
            self._workers.release(trial, self.clock)
            trial.attempt += 1
        self._pending.pop(trial, None)
        self._paused.pop(trial, None)
        if status == Trial.PAUSED:
            self._paused[trial] = None

    def _check_done(self, max_trials: float) -> None:
        if self._live:
            raise RuntimeError(
                f"{type(self._scheduler).__name__} resumes none of {len(self._live)} paused "
                "trials: Tune would hang here"
            )
        if not self._exhausted and len(self._trials) < max_trials:
            raise RuntimeError(
                f"{type(self._searcher).__name__} returned None while no trial runs: Tune would "
                "hang here"
            )
