import pytest
from small_searches import retraining, search, signal

from ray_nas.record import ExperimentRecord
from ray_nas.report.health import health_checks


def test_a_healthy_search_has_no_warning() -> None:
    checks = health_checks(search(signal, baseline=True), retraining([2, 2.1, 2.2], [1, 1.1, 1.2]))
    assert [check.name for check in checks if check.status == "warn"] == []
    assert all(check.finding.endswith((".", ")")) for check in checks)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_search_that_has_hardly_begun(count: int) -> None:
    record = search(signal, configs=[{"op": "conv", "width": 8, "lr": 0.01}] * count or None)
    record = record if count else search(lambda config, rng: [], 2)
    assert len(health_checks(record)) == 8


def test_a_record_without_events() -> None:
    assert {check.status for check in health_checks(ExperimentRecord())} == {"missing"}


def test_a_record_without_domains() -> None:
    checks = health_checks(search(signal, domains=None))
    assert {check.name: check.status for check in checks}["more than noise"] == "pass"


def test_every_warning_has_a_remedy() -> None:
    record = search(lambda config, rng: [{"accuracy": 1.0}] if rng.random() < 0.7 else [])
    warnings = [check for check in health_checks(record) if check.status == "warn"]
    assert len(warnings) == 2
    assert all(check.remedy for check in warnings)
