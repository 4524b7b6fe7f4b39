import numpy as np
import pytest
from small_searches import random_config, search, signal, worth

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import CandidatesScored, ScoresAudited
from ray_nas.report.evidence import Evidence
from ray_nas.report.health.estimates_of_use import check


def scored_search(use: float, count: int = 80, seed: int = 0) -> ExperimentRecord:
    """The better half of the candidates by a score become trials."""
    rng = np.random.default_rng(seed)
    candidates = [random_config(rng) for _ in range(2 * count)]
    scores = [use * worth(config) + 0.5 * rng.standard_normal() for config in candidates]
    order = np.argsort(scores)[::-1]
    record = search(signal, configs=[candidates[place] for place in order[:count]], seed=seed)
    record.apply(CandidatesScored("synflow", candidates, scores, 1.0))
    return record


@pytest.mark.parametrize(("use", "status"), [(-1.0, "warn"), (1.0, "pass")])
def test_warns_of_a_useless_score(use: float, status: str) -> None:
    found = [check(Evidence(scored_search(use, seed=seed))) for seed in range(10)]
    assert [one.status for one in found].count(status) >= 9
    assert "synflow" in found[0].finding


def test_warns_of_scores_that_the_search_dropped() -> None:
    record = search(signal)
    record.apply(ScoresAudited(30, 0.0, -0.3, 0.3, dropped=True))
    assert check(Evidence(record)).status == "warn"


def test_an_audit_alone_can_pass() -> None:
    record = search(signal)
    record.apply(ScoresAudited(30, 0.6, 0.3, 0.8, dropped=False))
    assert check(Evidence(record)).status == "pass"


def test_without_scores_or_with_few_results_it_cannot_tell() -> None:
    assert check(Evidence(search(signal))).status == "missing"
    assert check(Evidence(scored_search(1.0, 9))).status == "missing"
