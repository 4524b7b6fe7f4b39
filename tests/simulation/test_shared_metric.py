"""Searcher and scheduler share a metric as under Tune."""

from typing import Any

import pytest
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
from ray.tune.search import Searcher

from ray_nas.searchers import NSGA2, RandomSearch
from ray_nas.simulation.shared_metric import check_metrics, objectives_of, share_metric
from ray_nas.spaces import NASBench201

CELLS = NASBench201(2, 1)


def test_a_scheduler_without_a_metric_gets_the_searchers() -> None:
    scheduler = ASHAScheduler()
    share_metric(RandomSearch(CELLS, "accuracy", "max"), scheduler)
    assert scheduler.metric == "accuracy"


def test_a_schedulers_own_metric_stays() -> None:
    scheduler = ASHAScheduler(metric="loss", mode="min")
    share_metric(RandomSearch(CELLS, "accuracy", "max"), scheduler)
    assert scheduler.metric == "loss"


def test_a_scheduler_that_accepts_nothing_is_named() -> None:
    class Refuses(FIFOScheduler):
        def set_search_properties(self, *pair: Any, **spec: Any) -> bool:
            return False

    with pytest.raises(ValueError, match="Refuses refuses the searcher's metric 'accuracy'"):
        share_metric(RandomSearch(CELLS, "accuracy", "max"), Refuses())


@pytest.mark.parametrize("missing", ["accuracy", "loss"])
def test_a_report_needs_the_metrics_of_both(missing: str) -> None:
    searcher = RandomSearch(CELLS, "accuracy", "max")
    scheduler = ASHAScheduler(metric="loss", mode="min")
    result = {"accuracy": 0.9, "loss": 0.1}
    check_metrics(result, searcher, scheduler)
    del result[missing]
    with pytest.raises(ValueError, match=f"lacks the metric '{missing}'"):
        check_metrics(result, searcher, scheduler)


def test_objectives_of_any_searcher() -> None:
    both = {"accuracy": "max", "latency_ms": "min"}
    assert objectives_of(NSGA2(CELLS, objectives=both)) == both
    assert objectives_of(RandomSearch(CELLS, "accuracy", "max")) == {"accuracy": "max"}
    assert objectives_of(Searcher(metric="loss", mode="min")) == {"loss": "min"}
    assert objectives_of(Searcher()) == {}
