"""`VirtualController`: Tune's event loop on a virtual clock.

The very searcher and scheduler objects that Tune would drive are driven in the order of Tune's own
controller (`ray.tune.execution.tune_controller`):

1. While a worker is free and no trial waits, the searcher is asked for one (`suggest`), which the scheduler is told of
   (`on_trial_add`); then the scheduler chooses who runs, and where it chooses nobody a waiting
   trial runs.
2. A report goes to the scheduler, and unless that stops the trial, to the searcher (`on_trial_result`).
3. The result that a scheduler stops a trial for goes to both as `on_trial_complete` only. An objective that is exhausted
   ends like a function that returns: its last result is handed over again, as `on_trial_complete`
       with `done`.

One thing differs: Tune asks for one trial more than it has workers for, unless
`max_concurrent_trials` is set. Here a trial is proposed when a worker is free for it, so that a
search with one worker is truly sequential. On a `VirtualCluster`, where a trial must be known
before it can be said whether there is room for it, one waits as in Tune.

A trial whose node fails is queued again like in Tune (`on_trial_error` and `on_trial_add` of the
scheduler, nothing for the searcher), and repeats what it did since its last checkpoint.

`tests/benchmarks/test_virtual_controller.py` fails when Ray's schedulers come to ask more of a
controller than is here.
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
from ray_nas.simulation.virtual_cluster import Workers
from ray_nas.simulation.virtual_trial import Report, VirtualTrial
from ray_nas.tune_internals.trial_errors import failing

logger = logging.getLogger(__name__)

Objective = Callable[..., Iterator[Report]]
"""Called with a trial's config (and a numpy generator, if it has an argument `rng`); yields
(seconds, metrics).
"""
_FAILURES: Final = 1_000
"""After so many failed trials in a row that took no time, or interruptions of one trial, a
search would never end.
"""


class SearchAlg:
    """The attribute `search_alg` of Tune's controller, through which `HyperBandForBOHB` finds
    the searcher.
    """

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.metric = searcher.metric


class VirtualController:
    """Stands where Tune's `TuneController` stands, for schedulers: they see its public methods."""

    def __init__(
        self,
        objective: Objective,
        searcher: Searcher,
        scheduler: TrialScheduler,
        workers: Workers,
        seed: int | None,
    ) -> None:
        self.search_alg = SearchAlg(searcher)
        self.clock = 0.0
        self._objective, self._searcher = objective, searcher
        self._scheduler: Any = scheduler  # its annotations ask for Tune's own controller and trials
        self._takes_rng = "rng" in inspect.signature(objective).parameters
        self._entropy = np.random.SeedSequence(seed).entropy
        self._workers = workers
        self._trials: list[VirtualTrial] = []
        self._live: set[VirtualTrial] = set()
        self._pending: dict[VirtualTrial, None] = {}  # dicts stand for ordered sets
        self._paused: dict[VirtualTrial, None] = {}
        self._events: list[tuple[float, int, int, VirtualTrial, dict[str, Any]]] = []
        self._counter = itertools.count()
        self._exhausted = False
        self._failures = 0
        # `FIFOScheduler` and its heirs look through all trials for a waiting one; the queues here
        # answer the same at once.
        self._fifo = type(scheduler).choose_trial_to_run is FIFOScheduler.choose_trial_to_run
        share_metric(searcher, scheduler)

    # What schedulers call.

    def get_trials(self) -> list[VirtualTrial]:
        """All trials, in the order of their proposal."""
        return self._trials

    def get_live_trials(self) -> set[VirtualTrial]:
        """The trials that have not ended."""
        return self._live

    def stop_trial(self, trial: VirtualTrial) -> None:
        """Ends a trial, as a scheduler decides; one that waits or pauses ends without a result."""
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
        """Takes a running trial off its worker, to go on later from where it is."""
        if trial.status == Trial.RUNNING:
            self._set_status(trial, Trial.PAUSED)

    # The loop.

    def loop(self, max_trials: float, max_seconds: float) -> None:
        """Runs until everything is done, or the clock reaches `max_seconds`."""
        while True:
            self._fill_workers(max_trials)
            while self._events and self._events[0][2] != self._events[0][3].run:
                heapq.heappop(self._events)  # of a run that was interrupted
            change = self._workers.next_change()
            if not self._events and (not self._pending or change == math.inf):
                self._check_done(max_trials)
                return
            if min(change, self._events[0][0] if self._events else math.inf) > max_seconds:
                self.clock = max_seconds
                return
            if not self._events or change <= self._events[0][0]:
                self.clock = change
                for trial in self._workers.change():
                    self._interrupt(trial)
                continue
            self.clock, _, _, trial, result = heapq.heappop(self._events)
            self._process(trial, result)

    def _fill_workers(self, max_trials: float) -> None:
        while not self._workers.is_full():
            while len(self._pending) < self._workers.max_pending and self._ask(max_trials):
                pass
            chosen = self._choose()
            waiting = (
                [trial for trial in self._pending if trial is not chosen]
                if self._workers.max_pending > 1
                else []
            )
            candidates = [*([chosen] if chosen else []), *waiting]
            trial = next(
                (trial for trial in candidates if self._workers.take(trial, self.clock)), None
            )
            if trial is None:
                return
            self._start(trial)

    def _ask(self, max_trials: float) -> bool:
        """Whether the searcher gave a trial."""
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
        """Runs the objective up to its next report, which comes when its seconds have passed."""
        try:
            if trial.reports is None:
                trial.reports = itertools.islice(self._call_objective(trial), trial.iteration, None)
            report = next(trial.reports, None)
        except Exception as error:  # any error of the user's code is a failed trial, as in Tune
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
        heapq.heappush(
            self._events, (self.clock + seconds, next(self._counter), trial.run, trial, result)
        )

    def _return(self, trial: VirtualTrial) -> None:
        """The end of a trial by itself: Tune marks its last result as done and hands it over
        once more.
        """
        trial.last_result["done"] = True
        self.stop_trial(trial)

    def _call_objective(self, trial: VirtualTrial) -> Iterator[Report]:
        config = dict(trial.config)
        if not self._takes_rng:
            return self._objective(config)
        seeds = np.random.SeedSequence(
            self._entropy, spawn_key=(trial.number,)
        )  # the same whatever order the trials run in
        return self._objective(config, rng=np.random.default_rng(seeds))

    def _process(self, trial: VirtualTrial, result: dict[str, Any]) -> str:
        """A report, in the order of `TuneController._process_trial_result`; gives the decision
        on it.
        """
        self._failures = 0
        trial.iteration += 1
        shown = dict(result)
        check_metrics(shown, self._searcher, self._scheduler)
        decision: str = (
            TrialScheduler.STOP
            if result["done"]
            else self._scheduler.on_trial_result(self, trial, shown)
        )
        if decision == TrialScheduler.STOP:
            result["done"] = True
        else:
            self._searcher.on_trial_result(trial.trial_id, shown)
        trial.note(result, self.clock)
        if decision == TrialScheduler.CONTINUE:
            self._advance(trial)
        elif decision == TrialScheduler.PAUSE:
            self.pause_trial(trial)
        elif decision == TrialScheduler.STOP:
            self.stop_trial(trial)
        elif decision != TrialScheduler.NOOP:
            raise ValueError(
                f"{type(self._scheduler).__name__}.on_trial_result gave {decision!r}, which is no decision of Tune's"
            )
        return decision

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
        """The node of a running trial has failed: the trial is queued again, as in
        `TuneController._try_recover`.
        """
        trial.failures += 1
        if 0 <= self._workers.max_failures < trial.failures:
            self._fail(trial, RuntimeError(f"its node failed, for the {trial.failures}. time"))
            return
        frequency = self._workers.checkpoint_frequency
        trial.iteration = trial.iteration // frequency * frequency if frequency else 0
        trial.in_vain = trial.in_vain + 1 if trial.iteration <= trial.saved else 0
        trial.saved = trial.iteration
        if self._workers.max_failures < 0 and trial.in_vain == _FAILURES:
            raise RuntimeError(
                f"trial {trial.trial_id} lost its node {_FAILURES} times without a new checkpoint: nodes fail too often for it to ever end"
            )
        trial.reports = None
        self._scheduler.on_trial_error(self, trial)
        self._set_status(trial, Trial.PENDING)
        self._pending[trial] = None
        self._scheduler.on_trial_add(self, trial)

    def _end(self, trial: VirtualTrial, status: str) -> None:
        self._set_status(trial, status)
        trial.ended, trial.reports = self.clock, None
        self._live.discard(trial)

    def _set_status(self, trial: VirtualTrial, status: str) -> None:
        was, trial.status = trial.status, status
        if was == Trial.RUNNING:
            self._workers.release(trial, self.clock)
            trial.run += 1
        self._pending.pop(trial, None)
        self._paused.pop(trial, None)
        if status == Trial.PAUSED:
            self._paused[trial] = None

    def _check_done(self, max_trials: float) -> None:
        if self._live:
            raise RuntimeError(
                f"{type(self._scheduler).__name__} lets none of {len(self._live)} paused trials go on: Tune would hang here"
            )
        if not self._exhausted and len(self._trials) < max_trials:
            raise RuntimeError(
                f"{type(self._searcher).__name__} gave None while no trial runs: Tune would hang here"
            )
