"""The metric that searcher and scheduler share, as Tune hands it on and checks it."""

from collections.abc import Mapping
from typing import Any

from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher


def share_metric(searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Gives the scheduler the searcher's metric and mode, as far as it has none of its own."""
    metric: Any = searcher.metric
    mode: Any = searcher.mode
    if not isinstance(metric, str) or not isinstance(mode, str):
        metric = mode = (
            None  # several objectives are the business of schedulers that were told them
        )
    for pair in ((metric, mode), (metric, None), (None, mode), (None, None)):
        if scheduler.set_search_properties(*pair):
            return
    raise ValueError(
        f"{type(scheduler).__name__} refuses the searcher's metric {metric!r} and mode {mode!r}"
    )


def check_metrics(result: Mapping[str, Any], searcher: Searcher, scheduler: TrialScheduler) -> None:
    """Raises the ValueError that Tune raises for a report without the metric that the search is
    about.
    """
    wanted: Any = searcher.metric
    for metric in [*(wanted if isinstance(wanted, list) else [wanted]), scheduler.metric]:
        if metric is not None and metric != DEFAULT_METRIC and metric not in result:
            raise ValueError(
                f"a report lacks the metric {metric!r} that the search is about; it has {sorted(result)}"
            )


def objectives_of(searcher: Searcher) -> dict[str, str]:
    """Metric name to "min" or "max", of any Tune searcher."""
    metrics: Any = searcher.metric
    modes: Any = searcher.mode
    if metrics is None:
        return {}
    if isinstance(metrics, str):
        return {metrics: modes or "max"}
    return dict(zip(metrics, modes, strict=True))
