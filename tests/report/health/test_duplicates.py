import numpy as np
from small_searches import random_config, search, signal

from ray_nas.record import ExperimentRecord
from ray_nas.report.evidence import Evidence
from ray_nas.report.health.duplicates import check


def test_warns_of_repeats_while_others_are_left() -> None:
    rng = np.random.default_rng(0)
    configs = [random_config(rng) for _ in range(20)] * 2
    found = check(Evidence(search(signal, configs=configs)))
    assert found.status == "warn"
    assert "40 trials trained 20 configs: 50 % repeat" in found.finding


def test_passes_different_configs() -> None:
    assert check(Evidence(search(signal))).status == "pass"


def test_repeats_of_a_whole_space_measure_its_noise() -> None:
    domains = {"op": {"values": ["conv", "pool", "skip"], "ordered": False}}
    configs = [{"op": name} for name in ("conv", "pool", "skip")] * 4

    def train(config: dict[str, str], rng: np.random.Generator) -> list[dict[str, float]]:
        return [{"accuracy": rng.random()}]

    found = check(Evidence(search(train, configs=configs, domains=domains)))
    assert found.status == "pass"
    assert "the whole space" in found.finding


def test_no_trials() -> None:
    assert check(Evidence(ExperimentRecord())).status == "missing"
