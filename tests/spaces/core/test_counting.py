"""The number of configs agrees with a list of them."""

import math

import ConfigSpace as CS
import pytest

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.counting import count
from ray_nas.spaces.core.validity import Validity


def conditional() -> CS.ConfigurationSpace:
    """A chain of conditions, and a child of two parents."""
    space = CS.ConfigurationSpace()
    depth = CS.UniformIntegerHyperparameter("depth", 1, 3)
    second = CS.CategoricalHyperparameter("second", ["conv", "pool", "skip"])
    kernel = CS.OrdinalHyperparameter("kernel", [1, 3, 5])
    joined = CS.CategoricalHyperparameter("joined", [False, True])
    free = CS.UniformIntegerHyperparameter("free", 1, 7)
    space.add(joined, kernel, second, depth, free)
    space.add(CS.InCondition(second, depth, [2, 3]))
    space.add(CS.EqualsCondition(kernel, second, "conv"))
    space.add(
        CS.AndConjunction(
            CS.EqualsCondition(joined, depth, 3), CS.InCondition(joined, second, ["conv", "pool"])
        )
    )
    return space


def test_conditions_are_counted_exactly() -> None:
    space = conditional()
    validity = Validity(space)
    # depth 1; depth 2: conv with three kernels, pool, skip; depth 3: conv and pool joined or not
    by_hand = 7 * (1 + (3 + 1 + 1) + (2 * 3 + 2 + 1))
    assert count(space, validity.is_active) == by_hand
    assert len(list(validity.combinations(parameters.all_values))) == by_hand


def test_large_spaces_are_counted_without_listing_them() -> None:
    space = CS.ConfigurationSpace({f"p{index}": list("abcdefghij") for index in range(60)})
    assert count(space, Validity(space).is_active) == 10**60


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1e-3, 1e3)])
def test_a_float_makes_a_space_infinite(bounds: tuple[float, float]) -> None:
    space = CS.ConfigurationSpace({"op": ["a", "b"], "rate": bounds})
    assert count(space, Validity(space).is_active) == math.inf
