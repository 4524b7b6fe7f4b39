"""Tune's event loop on a virtual clock: what a search would do and cost, without running it.

The very searcher and scheduler objects that Tune would drive are driven in the order of Tune's own controller
(`ray.tune.execution.tune_controller`):

1. While a worker is free and no trial waits, the searcher is asked for one (`suggest`), which the scheduler is told of
   (`on_trial_add`); then the scheduler chooses who runs, and where it chooses nobody a waiting trial runs.
2. A report goes to the scheduler, and unless that stops the trial, to the searcher (`on_trial_result`).
3. The result that a scheduler stops a trial for goes to both as `on_trial_complete` only. An objective that is exhausted
   ends like a function that returns: its last result is handed over again, as `on_trial_complete` with `done`.

One thing differs: Tune asks for one trial more than it has workers for, unless `max_concurrent_trials` is set. Here a
trial is proposed when a worker is free for it, so that a search with one worker is truly sequential.

`tests/benchmarks/test_virtual_time.py` fails when Ray's schedulers come to ask more of a controller than is here.
"""

import heapq
import inspect
import itertools
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ray_nas.benchmarks.history import History
from ray_nas.benchmarks.virtual_trial import Report, VirtualTrial

logger = logging.getLogger(__name__)

Objective = Callable[..., Iterator[Report]]
"""Called with a trial's config (and a numpy generator, if it has an argument `rng`); yields (seconds, metrics)."""


def simulate(
    objective: Objective,
    searcher: Searcher,
    scheduler: TrialScheduler | None = None,
    *,
    num_workers: int = 1,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    seed: int | None = None,
) -> History:
    """Runs a search on a virtual clock.

    Args:
        objective: Called with a trial's config, yields (seconds, metrics) for each report; an exception is a failed trial.
            One with an argument `rng` gets a numpy generator for each trial.
        searcher: Any Tune searcher that knows its metric. Left in the state that the search brings it to.
        scheduler: Any Tune scheduler that decides on reports; takes metric and mode from the searcher if it has none.
        num_workers: How many trials run at a time.
        max_trials: How many trials to propose (`num_samples` in Tune); None until the searcher has no more.
        max_seconds: The virtual clock's end. What runs then stays unfinished, as when Tune's time budget ends.
        seed: Seed of the generators that the objective gets.

    Raises:
        ValueError: An argument breaks a rule, or a report lacks the searcher's or the scheduler's metric.
        RuntimeError: Nothing runs, and neither the searcher nor the scheduler lets anything go on: Tune would hang.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}")
    if max_trials is not None and max_trials < 0:
        raise ValueError(f"max_trials must be at least 0 or None, got {max_trials}")
    if max_seconds is not None and not max_seconds >= 0:
        raise ValueError(f"max_seconds must be at least 0 or None, got {max_seconds}")
    scheduler = scheduler or FIFOScheduler()  # type: ignore[no-untyped-call]
    controller = VirtualController(objective, searcher, scheduler, num_workers, seed)
    controller.loop(math.inf if max_trials is None else max_trials, math.inf if max_seconds is None else max_seconds)
    return History(controller.get_trials(), objectives_of(searcher), controller.clock)


class SearchAlg:
    """The attribute `search_alg` of Tune's controller, through which `HyperBandForBOHB` finds the searcher."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.metric = searcher.metric


class VirtualController:
    """Stands where Tune's `TuneController` stands, for schedulers: they see its public methods."""

    def __init__(self, objective: Objective, searcher: Searcher, scheduler: TrialScheduler, num_workers: int, seed: int | None) -> None:
        self.search_alg = SearchAlg(searcher)
        self.clock = 0.0
        self._objective, self._searcher = objective, searcher
        self._scheduler: Any = scheduler  # its annotations ask for Tune's own controller and trials
        self._takes_rng = "rng" in inspect.signature(objective).parameters
        self._entropy = np.random.SeedSequence(seed).entropy
        self._free = num_workers
        self._trials: list[VirtualTrial] = []
        self._live: set[VirtualTrial] = set()
        self._pending: dict[VirtualTrial, None] = {}  # dicts stand for ordered sets
        self._paused: dict[VirtualTrial, None] = {}
        self._events: list[tuple[float, int, int, VirtualTrial, dict[str, Any]]] = []
        self._counter = itertools.count()
        self._exhausted = False
        # `FIFOScheduler` and its heirs look through all trials for a waiting one; the queues here answer the same at once.
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
            if not self._events:
                self._check_done(max_trials)
                return
            time, _, run, trial, result = heapq.heappop(self._events)
            if time > max_seconds:
                self.clock = max_seconds
                return
            if run == trial.run:
                self.clock = time
                self._process(trial, result)

    def _fill_workers(self, max_trials: float) -> None:
        while self._free:
            if not self._pending:
                self._ask(max_trials)
            trial = self._choose()
            if trial is None:
                return
            self._start(trial)

    def _ask(self, max_trials: float) -> None:
        if self._exhausted or len(self._trials) >= max_trials:
            return
        number = len(self._trials)
        trial_id = f"virtual_{number:05d}"
        config: Any = self._searcher.suggest(trial_id)
        if config == Searcher.FINISHED:
            self._exhausted = True
        elif config is not None:
            trial = VirtualTrial(trial_id, number, config)
            self._trials.append(trial)
            self._live.add(trial)
            self._pending[trial] = None
            self._scheduler.on_trial_add(self, trial)

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
                trial.reports = iter(self._call_objective(trial))
            report = next(trial.reports, None)
        except Exception as error:  # any error of the user's code is a failed trial, as in Tune
            self._fail(trial, error)
            return
        if report is None:
            trial.last_result["done"] = True
            self.stop_trial(trial)
            return
        seconds, metrics = report
        if not (0 <= seconds < math.inf):
            raise ValueError(f"objective must yield (seconds, metrics) with finite seconds >= 0, got {seconds!r}")
        result = trial.next_result(seconds, metrics)
        heapq.heappush(self._events, (self.clock + seconds, next(self._counter), trial.run, trial, result))

    def _call_objective(self, trial: VirtualTrial) -> Iterator[Report]:
        config = dict(trial.config)
        if not self._takes_rng:
            return self._objective(config)
        seeds = np.random.SeedSequence(self._entropy, spawn_key=(trial.number,))  # the same whatever order the trials run in
        return self._objective(config, rng=np.random.default_rng(seeds))

    def _process(self, trial: VirtualTrial, result: dict[str, Any]) -> None:
        """A report, in the order of `TuneController._process_trial_result`."""
        shown = dict(result)
        check_metrics(shown, self._searcher, self._scheduler)
        decision = TrialScheduler.STOP if result["done"] else self._scheduler.on_trial_result(self, trial, shown)
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
            raise ValueError(f"{type(self._scheduler).__name__}.on_trial_result gave {decision!r}, which is no decision of Tune's")

    def _fail(self, trial: VirtualTrial, error: Exception) -> None:
        logger.warning("trial %s failed: %r", trial.trial_id, error)
        trial.error = error
        self._scheduler.on_trial_error(self, trial)
        self._searcher.on_trial_complete(trial_id=trial.trial_id, result=None, error=True)
        self._end(trial, Trial.ERROR)

    def _end(self, trial: VirtualTrial, status: str) -> None:
        self._set_status(trial, status)
        trial.ended, trial.reports = self.clock, None
        self._live.discard(trial)

    def _set_status(self, trial: VirtualTrial, status: str) -> None:
        if trial.status == Trial.RUNNING:
            self._free += 1
            trial.run += 1
        self._pending.pop(trial, None)
        self._paused.pop(trial, None)
        if status == Trial.RUNNING:
            self._free -= 1
        elif status == Trial.PAUSED:
            self._paused[trial] = None
        trial.status = status

    def _check_done(self, max_trials: float) -> None:
        if self._live:
            raise RuntimeError(f"{type(self._scheduler).__name__} lets none of {len(self._live)} paused trials go on: Tune would hang here")
        if not self._exhausted and len(self._trials) < max_trials:
            raise RuntimeError(f"{type(self._searcher).__name__} gave None while no trial runs: Tune would hang here")


def share_metric(searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Gives the scheduler the searcher's metric and mode, as far as it has none of its own."""
    metric: Any = searcher.metric
    mode: Any = searcher.mode
    if not isinstance(metric, str) or not isinstance(mode, str):
        metric = mode = None  # several objectives are the business of schedulers that were told them
    for pair in ((metric, mode), (metric, None), (None, mode), (None, None)):
        if scheduler.set_search_properties(*pair):
            return
    raise ValueError(f"{type(scheduler).__name__} refuses the searcher's metric {metric!r} and mode {mode!r}")


def check_metrics(result: Mapping[str, Any], searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Raises the ValueError that Tune raises for a report without the metric that the search is about."""
    wanted: Any = searcher.metric
    for metric in [*(wanted if isinstance(wanted, list) else [wanted]), scheduler.metric]:
        if metric is not None and metric != DEFAULT_METRIC and metric not in result:
            raise ValueError(f"a report lacks the metric {metric!r} that the search is about; it has {sorted(result)}")


def objectives_of(searcher: Searcher) -> dict[str, str]:
    """Metric name to "min" or "max", of any Tune searcher."""
    metrics: Any = searcher.metric
    modes: Any = searcher.mode
    if metrics is None:
        return {}
    if isinstance(metrics, str):
        return {metrics: modes or "max"}
    return dict(zip(metrics, modes, strict=True))
