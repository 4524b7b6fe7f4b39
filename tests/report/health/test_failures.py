import numpy as np
import pytest
from small_searches import Config, search, signal

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed
from ray_nas.report.evidence import Evidence
from ray_nas.report.health.failures import check


def failing(share: float, **where: str) -> ExperimentRecord:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        concerned = all(config[name] == value for name, value in where.items())
        return [] if concerned and rng.random() < share else signal(config, rng)

    return search(train, 80)


def test_warns_of_many_failures_and_names_their_choice() -> None:
    found = check(Evidence(failing(0.9, op="pool")))
    assert found.status == "warn"
    assert "the trainable raised an error" in found.finding
    assert 'They have op = "pool" in common' in found.finding
    assert "error.txt" in found.remedy


def test_failures_anywhere_have_nothing_in_common() -> None:
    found = check(Evidence(failing(0.3)))
    assert found.status == "warn"
    assert "in common" not in found.finding


def test_passes_a_few_failures() -> None:
    assert check(Evidence(failing(0.03))).status == "pass"
    assert check(Evidence(failing(0.0))).finding == "All 80 trials ended well."


def test_no_ended_trial() -> None:
    assert check(Evidence(ExperimentRecord())).status == "missing"


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("out of memory at params = 5e+06", "retry_with_more_gpu"),
        ("accuracy is not finite", "diverges"),
        ("latency_ms = 9 is above its limit 5", "constraint on costs"),
    ],
)
def test_the_remedy_is_that_of_the_most_frequent_cause(reason: str, remedy: str) -> None:
    record = ExperimentRecord()
    record.apply(ExperimentStarted("RandomSearch", "f00d", {"accuracy": "max"}, 0))
    for place in range(20):
        record.apply(TrialProposed(str(place), {"depth": place}, "random", ()))
        record.apply(TrialEnded(str(place), "infeasible", reason))
    assert remedy in check(Evidence(record)).remedy
