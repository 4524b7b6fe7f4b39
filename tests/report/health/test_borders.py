import math

import numpy as np
import pytest
from small_searches import DOMAINS, Config, Train, search, signal

from ray_nas.report.evidence import Evidence
from ray_nas.report.health.borders import check


def rising(parameter: str, sign: float) -> Train:
    """Results rise towards one end of a parameter."""

    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        place = math.log2(config["width"] / 8) / 3
        if parameter == "lr":
            place = (math.log10(config["lr"]) + 4) / 3
        return [{"accuracy": sign * 6 * place + 0.3 * rng.standard_normal()}]

    return train


@pytest.mark.parametrize(
    ("sign", "told"), [(1.0, "highest width (64)"), (-1.0, "lowest width (8)")]
)
def test_warns_of_an_ordered_parameter(sign: float, told: str) -> None:
    found = check(Evidence(search(rising("width", sign), 100)))
    assert found.status == "warn"
    assert told in found.finding
    assert "Extend the space, width beyond" in found.remedy


def test_warns_of_a_range() -> None:
    found = check(Evidence(search(rising("lr", 1.0), 150)))
    assert found.status == "warn"
    assert "highest lr (0.1)" in found.finding


def test_passes_a_best_value_inside() -> None:
    found = [check(Evidence(search(signal, 100, seed=seed))).status for seed in range(10)]
    assert found == ["pass"] * 10


def test_a_parameter_without_effect_is_seldom_taken_for_one() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        return [{"accuracy": rng.standard_normal()}]

    found = [check(Evidence(search(train, 100, seed=seed))).status for seed in range(60)]
    assert found.count("warn") <= 4


def test_a_plateau_at_the_border_is_no_rise() -> None:
    def train(config: Config, rng: np.random.Generator) -> list[dict[str, float]]:
        return [{"accuracy": min(config["width"], 32) / 8 + 0.3 * rng.standard_normal()}]

    found = [check(Evidence(search(train, 100, seed=seed))).status for seed in range(20)]
    assert found.count("warn") <= 2


def test_without_ordered_parameters_or_trials_it_cannot_tell() -> None:
    record = search(signal, domains={"op": DOMAINS["op"]})
    assert check(Evidence(record)).status == "missing"
    assert check(Evidence(search(signal, domains=None))).status == "missing"
    assert check(Evidence(search(signal, 19))).status == "missing"
