"""`simulate`: what a search would find and cost, on a virtual clock, without running it."""

import math

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ray_nas.checks import check_int
from ray_nas.simulation.history import History
from ray_nas.simulation.shared_metric import objectives_of
from ray_nas.simulation.virtual_cluster import VirtualCluster
from ray_nas.simulation.virtual_controller import Objective, VirtualController
from ray_nas.simulation.virtual_nodes import NodePool, WorkerPool


def simulate(
    objective: Objective,
    searcher: Searcher,
    scheduler: TrialScheduler | None = None,
    *,
    num_workers: int = 1,
    cluster: VirtualCluster | None = None,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    seed: int | None = None,
) -> History:
    """Runs a search on a virtual clock.

    Args:
        objective: Called with a trial's config; yields (seconds, metrics) for each report. An
            exception is a failed trial. If it has an argument `rng`, each trial gets its own numpy
            generator.
        searcher: Any Tune searcher that has its metric. Keeps the state that the search leaves.
        scheduler: Any Tune scheduler that decides on reports; gets metric and mode from the
            searcher if it has none.
        num_workers: Trials that run at a time.
        cluster: Nodes with their own resources, which may fail, in place of `num_workers` workers.
        max_trials: Trials to propose (`num_samples` in Tune); None for as many as the searcher has.
        max_seconds: The end of the virtual clock. Trials that run then stay unfinished, as when
            Tune's time budget ends.
        seed: Seed of the objective's generators.

    Raises:
        ValueError: An argument breaks a rule, or a report lacks a metric of the searcher or the
            scheduler.
        RuntimeError: Nothing runs, and neither searcher nor scheduler lets anything continue: Tune
            would hang.

    Example:
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.spaces import NASBench201
        >>> def train(config):
        ...     for epoch in range(1, 4):
        ...         yield 20.0, {"accuracy": 0.1 * epoch}
        >>> searcher = RandomSearch(NASBench201(), metric="accuracy", mode="max", seed=0)
        >>> history = simulate(train, searcher, num_workers=4, max_trials=8)
        >>> len(history.trials), history.seconds
        (8, 120.0)
    """
    check_int("num_workers", num_workers, low=1)
    if cluster is not None and num_workers != 1:
        raise ValueError(
            f"cluster replaces num_workers: give one of them, got num_workers = {num_workers} too"
        )
    if max_trials is not None and not max_trials >= 0:
        raise ValueError(f"max_trials must be at least 0 or None, got {max_trials}")
    if max_seconds is not None and not max_seconds >= 0:
        raise ValueError(f"max_seconds must be at least 0 or None, got {max_seconds}")
    scheduler = scheduler or FIFOScheduler()  # type: ignore[no-untyped-call]
    workers = WorkerPool(num_workers) if cluster is None else NodePool(cluster)
    controller = VirtualController(objective, searcher, scheduler, workers, seed)
    controller.loop(
        math.inf if max_trials is None else max_trials,
        math.inf if max_seconds is None else max_seconds,
    )
    return History(
        controller.get_trials(),
        objectives_of(searcher),
        controller.clock,
        workers.utilization(controller.clock),
    )
