"""The metric that searcher and scheduler share, as Tune passes it on and checks it."""

from collections.abc import Mapping
from typing import Any

from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher


def share_metric(searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Gives the scheduler the searcher's metric and mode, where it has none itself.

    Raises:
        ValueError: The scheduler refuses them.
    """
    metric: Any = searcher.metric
    mode: Any = searcher.mode
    if not isinstance(metric, str) or not isinstance(mode, str):
        # Several objectives: schedulers that support them were given them
        metric = mode = None
    for pair in ((metric, mode), (metric, None), (None, mode), (None, None)):
        if scheduler.set_search_properties(*pair):
            return
    raise ValueError(
        f"{type(scheduler).__name__} refuses the searcher's metric {metric!r} and mode {mode!r}"
    )


def check_metrics(result: Mapping[str, Any], searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Checks that a report has every metric of searcher and scheduler, as Tune does.

    Raises:
        ValueError: A metric is missing; the message names it.
    """
    wanted: Any = searcher.metric
    for metric in [*(wanted if isinstance(wanted, list) else [wanted]), scheduler.metric]:
        if metric is not None and metric != DEFAULT_METRIC and metric not in result:
            raise ValueError(
                f"a report lacks the metric {metric!r} that the search optimises; it has "
                f"{sorted(result)}"
            )


def objectives_of(searcher: Searcher) -> dict[str, str]:
    """Metric name to "min" or "max", of any Tune searcher; empty if it has no metric yet."""
    metrics: Any = searcher.metric
    modes: Any = searcher.mode
    if metrics is None:
        return {}
    if isinstance(metrics, str):
        return {metrics: modes or "max"}
    return dict(zip(metrics, modes, strict=True))
