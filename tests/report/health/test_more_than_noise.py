import numpy as np
from small_searches import Config, noise, search, signal, worth

from ray_nas.report.evidence import Evidence
from ray_nas.report.health.more_than_noise import check


def test_warns_of_noise() -> None:
    found = [check(Evidence(search(noise, seed=seed))).status for seed in range(20)]
    assert found.count("warn") >= 18


def test_passes_a_signal() -> None:
    found = [check(Evidence(search(signal, seed=seed))).status for seed in range(10)]
    assert found == ["pass"] * 10


def test_a_few_trials_cannot_tell() -> None:
    found = check(Evidence(search(signal, 29)))
    assert (found.status, found.remedy) == ("missing", "Run at least 30 trials.")


def test_equal_results_have_nothing_to_explain() -> None:
    found = check(Evidence(search(lambda config, rng: [{"accuracy": 0.1}])))
    assert found.status == "warn"
    assert "same result" in found.finding


def test_a_rung_with_more_trials_can_tell_where_full_length_cannot() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        last = 9 if rng.random() < 0.2 else 3
        luck = 0.2 * rng.standard_normal()
        return [{"accuracy": worth(config) + luck, "epoch": epoch} for epoch in range(1, last + 1)]

    found = check(Evidence(search(train)))
    assert found.status == "pass"
    assert "epoch 3" in found.finding
