"""Objects show themselves in Jupyter, with their text escaped."""

import ConfigSpace as CS
import pytest
from made_record import made_record

from ray_nas import notebook_html
from ray_nas.estimators import FidelityReport
from ray_nas.estimators.report_table import EstimatorReport
from ray_nas.record import ExperimentRecord
from ray_nas.report import figures
from ray_nas.searchers import NSGA2, RandomSearch
from ray_nas.simulation import simulate
from ray_nas.spaces import NASBench201, SearchSpace

EVIL = "<script>"


def train(config):  # type: ignore[no-untyped-def]
    yield 1.0, {"loss": 0.5}


def test_facts_and_tables_are_escaped() -> None:
    assert EVIL not in notebook_html.facts(EVIL, {EVIL: EVIL})
    assert EVIL not in notebook_html.table(EVIL, [EVIL], [[EVIL]])
    assert "None" not in notebook_html.facts("a", {"b": None})


def test_spaces() -> None:
    space = SearchSpace(CS.ConfigurationSpace({EVIL: ["a", "b"], "lr": (0.1, 1.0)}))
    html = space._repr_html_()
    assert "&lt;script&gt;" in html
    assert "0.1" in html
    assert "15,625 architectures" in NASBench201()._repr_html_()


def test_searchers() -> None:
    searcher = RandomSearch(NASBench201(), seed=3)
    assert "from Tune" in searcher._repr_html_()
    objectives = {"accuracy": "max", "ms": "min"}
    assert "ms (min)" in NSGA2(NASBench201(), objectives=objectives)._repr_html_()


def test_results() -> None:
    searcher = RandomSearch(NASBench201(), "loss", "min", seed=0)
    history = simulate(train, searcher, max_trials=3)
    assert "best loss" in history._repr_html_()
    assert "3 completed" in searcher._repr_html_()


def test_records() -> None:
    record = made_record([{"id": EVIL, "config": {EVIL: EVIL}, "reason": EVIL, "parents": [EVIL]}])
    for one in (record, record.trials[EVIL]):
        html = one._repr_html_()
        assert EVIL not in html
        assert "&lt;script&gt;" in html
    assert "not started" in ExperimentRecord()._repr_html_()


@pytest.mark.parametrize(
    "report", [EstimatorReport("a<b", "min", 2, [], ["few"]), FidelityReport("a<b", 9, [])]
)
def test_reports(report: EstimatorReport | FidelityReport) -> None:
    assert "a&lt;b" in report._repr_html_()


def test_figures() -> None:
    html = figures.best_so_far(made_record([{}] * 6))._repr_html_()
    assert html.startswith("<style>")
    assert "<svg" in html
