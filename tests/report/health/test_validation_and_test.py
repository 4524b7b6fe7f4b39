import numpy as np
import pytest
from small_searches import Config, Train, search, signal, worth

from ray_nas.report.evidence import Evidence
from ray_nas.report.health.validation_and_test import carried_over, check


def transferring(share: float) -> Train:
    """This share of what a config is worth on validation data is left on test data."""

    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        validation, test = 0.2 * rng.standard_normal(2)
        return [
            {"accuracy": worth(config) + validation, "test_accuracy": share * worth(config) + test}
        ]

    return train


@pytest.mark.parametrize(("share", "status"), [(0.0, "warn"), (1.0, "pass")])
def test_warns_if_an_advantage_does_not_carry_over(share: float, status: str) -> None:
    found = [check(Evidence(search(transferring(share), seed=seed))).status for seed in range(20)]
    assert found.count(status) >= 18


def test_a_loss_is_turned_round() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        loss = rng.random()
        return [{"loss": loss, "test_loss": loss + 0.01 * rng.random()}]

    found = check(Evidence(search(train, objectives={"loss": "min"})))
    assert found.status == "pass"


def test_without_a_test_metric_it_says_which_to_report() -> None:
    found = check(Evidence(search(signal)))
    assert found.status == "missing"
    assert "test_accuracy" in found.remedy


def test_a_few_trials_or_a_constant_test_metric_cannot_tell() -> None:
    assert check(Evidence(search(transferring(1.0), 19))).status == "missing"
    constant = search(lambda config, rng: [{"accuracy": rng.random(), "test_accuracy": 0.5}])
    assert check(Evidence(constant)).status == "missing"
    failing = search(lambda config, rng: [{"accuracy": rng.random(), "test_accuracy": np.nan}])
    assert check(Evidence(failing)).status == "missing"


def test_the_interval_of_the_slope_misses_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(300):
        validation = rng.standard_normal(30)
        test = 0.5 * validation + rng.standard_normal(30)
        missed += carried_over(validation, test).high < 0.5
    assert missed <= 24  # 15 are expected
