"""`simulate`: what a search would find and cost, on a virtual clock, without running it."""

import math

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ray_nas.checks import check_int
from ray_nas.simulation.history import History
from ray_nas.simulation.shared_metric import objectives_of
from ray_nas.simulation.virtual_cluster import Machines, VirtualCluster, Workers
from ray_nas.simulation.virtual_controller import Objective, VirtualController


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
        objective: Called with a trial's config, yields (seconds, metrics) for each report; an
            exception is a failed trial. One with an argument `rng` gets a numpy generator for each
            trial.
        searcher: Any Tune searcher that knows its metric. Left in the state that the search brings
            it to.
        scheduler: Any Tune scheduler that decides on reports; takes metric and mode from the
            searcher if it has none.
        num_workers: How many trials run at a time.
        cluster: Nodes with resources of their own, which may fail, in place of `num_workers`
            workers.
        max_trials: How many trials to propose (`num_samples` in Tune); None until the searcher has
            no more.
        max_seconds: The virtual clock's end. What runs then stays unfinished, as when Tune's time
            budget ends.
        seed: Seed of the generators that the objective gets.

    Raises:
        ValueError: An argument breaks a rule, or a report lacks the searcher's or the scheduler's
            metric.
        RuntimeError: Nothing runs, and neither the searcher nor the scheduler lets anything go on:
            Tune would hang.
    """
    check_int("num_workers", num_workers, low=1)
    if cluster is not None and num_workers != 1:
        raise ValueError(
            f"cluster replaces num_workers: give either, got num_workers = {num_workers} too"
        )
    if max_trials is not None and not max_trials >= 0:
        raise ValueError(f"max_trials must be at least 0 or None, got {max_trials}")
    if max_seconds is not None and not max_seconds >= 0:
        raise ValueError(f"max_seconds must be at least 0 or None, got {max_seconds}")
    scheduler = scheduler or FIFOScheduler()  # type: ignore[no-untyped-call]
    workers = Workers(num_workers) if cluster is None else Machines(cluster)
    controller = VirtualController(objective, searcher, scheduler, workers, seed)
    controller.loop(
        math.inf if max_trials is None else max_trials,
        math.inf if max_seconds is None else max_seconds,
    )
    return History(
        controller.get_trials(),
        objectives_of(searcher),
        controller.clock,
        workers.used(controller.clock),
    )
