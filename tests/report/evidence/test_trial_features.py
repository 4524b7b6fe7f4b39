import numpy as np
import pytest
from small_searches import DOMAINS, random_config

from ray_nas.report.evidence.trial_features import kernel, parameter_columns, placer


def test_columns_are_standardised_and_constant_ones_left_out() -> None:
    rng = np.random.default_rng(0)
    configs = [{**random_config(rng), "fixed": 3} for _ in range(50)]
    columns = parameter_columns(configs, DOMAINS)
    assert {name: part.shape for name, part in columns.items()} == {
        "op": (50, 3),
        "width": (50, 1),
        "lr": (50, 1),
    }
    for part in columns.values():
        assert part.mean(0) == pytest.approx(0, abs=1e-9)
        assert part.std(0) == pytest.approx(1)


def test_an_inactive_number_is_at_the_mean() -> None:
    columns = parameter_columns(
        [{"n": 1}, {}, {"n": 3}], {"n": {"low": 1, "high": 3, "log": False}}
    )
    assert columns["n"][1, 0] == 0


@pytest.mark.parametrize("domain", [None, {"values": ["a", "b"], "ordered": False}])
def test_unordered_values_have_no_position(domain: dict[str, object] | None) -> None:
    assert placer(domain)("a") is None


def test_a_range_of_one_value_has_a_position() -> None:
    assert placer({"low": 2, "high": 2, "log": False})(2) == 0


def test_the_kernel_is_centred_and_positive() -> None:
    rng = np.random.default_rng(0)
    alike = kernel(parameter_columns([random_config(rng) for _ in range(40)], DOMAINS))
    assert alike.mean(0) == pytest.approx(0, abs=1e-9)
    assert np.trace(alike) == pytest.approx(40)
    assert np.linalg.eigvalsh(alike).min() > -1e-9


def test_equal_configs_are_alike_as_with_themselves() -> None:
    rng = np.random.default_rng(0)
    configs = [random_config(rng) for _ in range(20)]
    alike = kernel(parameter_columns([*configs, configs[3]], DOMAINS))
    assert alike[3, -1] == pytest.approx(alike[3, 3])
