"""Values of one hyperparameter: drawn, changed, listed, encoded."""

from typing import Any

import numpy as np
import pytest
from ConfigSpace.hyperparameters import (
    BetaFloatHyperparameter,
    CategoricalHyperparameter,
    Constant,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from ray_nas.spaces.core import parameters

OP = CategoricalHyperparameter("op", ["conv", "pool", "skip"])
WIDTH = OrdinalHyperparameter("width", [8, 16, 64])
COUNT = UniformIntegerHyperparameter("count", 1, 4)
UNITS = UniformIntegerHyperparameter("units", 1, 1024, log=True)
RATE = UniformFloatHyperparameter("rate", 1e-4, 1e-2, log=True)
BETA = BetaFloatHyperparameter("beta", 2.0, 3.0, 0.0, 1.0)
ALL = [OP, WIDTH, COUNT, UNITS, RATE, BETA]


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: p.name)
def test_drawn_and_redrawn_values_are_plain_and_legal(parameter: Any) -> None:
    rng = np.random.default_rng(0)
    value = parameters.draw(parameter, rng)
    for _ in range(50):
        other = parameters.redraw(parameter, value, rng)
        assert other != value
        assert type(other) in (bool, int, float, str)
        assert parameter.legal_value(other)
        value = other


def test_weights_and_log_scales_shape_the_draws() -> None:
    rng = np.random.default_rng(0)
    weighted = CategoricalHyperparameter("op", ["often", "seldom"], weights=[9, 1])
    drawn = [parameters.draw(weighted, rng) for _ in range(1000)]
    assert drawn.count("often") == pytest.approx(900, abs=40)
    units = [parameters.draw(UNITS, rng) for _ in range(1000)]
    middle = np.sqrt(0.5 * 1024.5)
    assert np.median(units) == pytest.approx(middle, rel=0.3), "the middle of the log scale"


def test_short_ranges_are_listed_and_long_ones_are_not() -> None:
    assert parameters.listed_values(OP) == ["conv", "pool", "skip"]
    assert parameters.listed_values(WIDTH) == [8, 16, 64]
    assert parameters.listed_values(COUNT) == [1, 2, 3, 4]
    assert parameters.listed_values(Constant("version", "v1")) == ["v1"]
    assert parameters.listed_values(UNITS) is None
    assert parameters.listed_values(RATE) is None
    assert len(parameters.all_values(UNITS)) == 1024


def test_neighbors_are_all_other_values_or_quantile_steps() -> None:
    assert parameters.neighbor_values(WIDTH, 16) == [8, 64]
    steps = parameters.neighbor_values(RATE, 1e-3)
    places = [float(RATE.to_vector(value)) - 0.5 for value in steps]
    assert places == pytest.approx(parameters.QUANTILE_STEPS)
    assert all(value > 1e-4 for value in parameters.neighbor_values(RATE, 1e-4))


def test_a_grid_has_evenly_spaced_quantiles() -> None:
    assert parameters.grid_values(COUNT, 2) == [1, 2, 3, 4]
    assert parameters.grid_values(RATE, 3) == pytest.approx([1e-4, 1e-3, 1e-2])


def test_codes_have_one_length_and_zeros_for_inactive_parameters() -> None:
    assert parameters.code(OP, "pool", conditional=True) == [0.0, 1.0, 0.0]
    assert parameters.code(WIDTH, 16, conditional=False) == [0.5]
    assert parameters.code(WIDTH, 16, conditional=True) == [0.5, 1.0]
    assert parameters.code(RATE, 1e-3, conditional=False) == pytest.approx([0.5])
    for parameter in ALL:
        width = parameters.code_width(parameter, True)
        assert parameters.code(parameter, None, True) == [0.0] * width
        assert len(parameters.code(parameter, parameter.default_value, True)) == width


def test_descriptions_name_the_values() -> None:
    assert parameters.describe(WIDTH) == "one of [8, 16, 64]"
    assert parameters.describe(RATE) == "in [0.0001, 0.01]"
