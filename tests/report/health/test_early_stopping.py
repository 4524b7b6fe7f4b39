import numpy as np
import pytest
from small_searches import Config, Train, search, signal, worth

from ray_nas.report.evidence import Evidence
from ray_nas.report.health.early_stopping import check, corrected


def halving(agreement: float) -> Train:
    """Stops two of three trials after epoch 3 of 9, which has this correlation with epoch 9."""

    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        final = worth(config) + 0.1 * rng.standard_normal()
        other = 0.9 * rng.standard_normal()
        early = agreement * final + (1 - abs(agreement)) * other
        reports = [{"accuracy": early, "epoch": 3}, {"accuracy": 5 + final, "epoch": 9}]
        return reports if early > 0 else reports[:1]

    return train


@pytest.mark.parametrize(("agreement", "status"), [(-0.5, "warn"), (1.0, "pass")])
def test_warns_if_a_rung_ranks_otherwise_than_the_end(agreement: float, status: str) -> None:
    found = [check(Evidence(search(halving(agreement), 80, seed=seed))) for seed in range(20)]
    assert [one.status for one in found].count(status) >= 18


def test_without_stops_it_is_only_told() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        return [{"accuracy": rng.random(), "epoch": epoch} for epoch in (1, 3, 9)]

    found = check(Evidence(search(train)))
    assert found.status == "pass"
    assert "No trial was stopped early. epoch 1 ranks" in found.finding


def test_single_reports_have_no_rungs() -> None:
    assert check(Evidence(search(signal))).status == "missing"


def test_a_few_full_trainings_cannot_tell() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        last = 9 if config["lr"] < 1.5e-4 else 3
        return [{"accuracy": rng.random(), "epoch": epoch} for epoch in range(1, last + 1)]

    found = check(Evidence(search(train, 40)))
    assert found.status == "missing"
    assert "Fewer than 8" in found.finding


def test_a_correlation_in_between_is_not_decided() -> None:
    found = check(Evidence(search(halving(0.4), 40, seed=1)))
    assert found.status == "missing"


def test_picking_is_corrected_for() -> None:
    """Of normal pairs with correlation .7, only those with a high first value are seen."""
    rng = np.random.default_rng(0)
    first = rng.standard_normal(20_000)
    second = 0.7 * first + 0.51**0.5 * rng.standard_normal(20_000)
    picked = first > 0.5
    seen = float(np.corrcoef(first[picked], second[picked])[0, 1])
    assert seen < 0.5
    assert corrected(seen, first.std() / first[picked].std()) == pytest.approx(0.7, abs=0.03)
