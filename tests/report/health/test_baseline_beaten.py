import pytest
from small_searches import retraining, search, signal

from ray_nas.report.evidence import Evidence
from ray_nas.report.health.baseline_beaten import check

RECORD = search(signal, baseline=True, seed=3)


@pytest.mark.parametrize(
    ("winner", "baseline", "status", "told"),
    [
        ([3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "pass", "Yes."),
        ([1.0, 1.1, 1.2], [3.0, 3.1, 3.2], "warn", "No: worse."),
        ([1.0, 2.0, 3.0], [1.1, 2.1, 3.1], "warn", "No: no better."),
        ([1.0, 3.0, 5.0], [0.0, 1.5, 3.0], "missing", "Not decided."),
        ([1.0], [0.0], "missing", "one seed each"),
    ],
)
def test_the_gain_after_retraining_decides(
    winner: list[float], baseline: list[float], status: str, told: str
) -> None:
    found = check(Evidence(RECORD, retraining(winner, baseline)))
    assert found.status == status
    assert told in found.finding


def test_without_retraining_it_says_what_the_search_shows() -> None:
    found = check(Evidence(RECORD))
    assert found.status == "missing"
    assert "allowing for its luck" in found.finding
    assert "ray-nas retrain" in found.remedy


def test_without_a_baseline() -> None:
    assert "baseline=" in check(Evidence(search(signal))).remedy
