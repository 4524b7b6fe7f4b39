"""Checks of arguments: what is accepted, and what the errors say."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from ray_nas.checks import (
    check_float,
    check_int,
    check_mode,
    check_objectives,
    checked_limits,
    number,
)


@pytest.mark.parametrize("value", [1, 5, 10, np.int64(3)])
def test_integers_in_range(value: Any) -> None:
    check_int("count", value, low=1, high=10)


@pytest.mark.parametrize("value", [0, 11, 2.0, "3", None, math.nan])
def test_what_is_no_integer_in_range(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^count must be an integer >= 1 and <= 10, got "):
        check_int("count", value, low=1, high=10)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"low": 0}, 0, -1e-9),
        ({"above": 0}, 1e-9, 0),
        ({"high": 1}, 1, 1.1),
        ({"below": 1}, 0.9, 1),
        ({"above": 0, "below": 100}, 50, 100.0),
        ({}, np.float32(-3), math.inf),
    ],
)
def test_bounds_of_numbers(bounds: dict[str, float], inside: float, outside: float) -> None:
    check_float("rate", inside, **bounds)
    with pytest.raises(ValueError, match=r"^rate must be a finite number"):
        check_float("rate", outside, **bounds)


@pytest.mark.parametrize("value", [math.nan, -math.inf, math.inf, "1", None, 1j])
def test_what_is_no_finite_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^rate must be a finite number >= 0, got "):
        check_float("rate", value, low=0)


def test_large_bounds_are_readable() -> None:
    with pytest.raises(ValueError, match=">= 1,048,576, got 16"):
        check_float("memory", 16, low=2**20)


def test_modes_and_objectives() -> None:
    check_mode("mode", "min")
    check_objectives({"accuracy": "max"})
    with pytest.raises(ValueError, match="mode must be 'min' or 'max', got None"):
        check_mode("mode", None)
    with pytest.raises(ValueError, match=r"objectives\['accuracy'\] must be 'min' or 'max', got 1"):
        check_objectives({"accuracy": 1})
    with pytest.raises(ValueError, match="objectives must name at least one metric"):
        check_objectives({})


def test_limits_become_floats() -> None:
    limits: dict[str, Any] = {"params": (None, 10), "accuracy": [0.5, None], "free": (None, None)}
    assert checked_limits(limits) == {
        "params": (None, 10.0),
        "accuracy": (0.5, None),
        "free": (None, None),
    }
    assert checked_limits(None) == {}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (10, r"must be a pair \(low, high\), None for no limit, got 10"),
        ((1, 2, 3), "must be a pair"),
        ((1, "2"), r"must be numbers or None, got \(1, '2'\)"),
        ((math.nan, 1), "must be numbers or None"),
        ((2, 1), r"must have low <= high, got \(2, 1\)"),
    ],
)
def test_limits_that_break_a_rule_are_named(limits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"constraints\['params'\] " + message):
        checked_limits({"params": limits})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        (np.array([2]), 2),
        (torch.tensor(1.5), 1.5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (math.inf, math.inf),
    ],
)
def test_numbers_that_are_reported(value: Any, expected: float) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    "value", [True, np.bool_(True), "1", None, np.zeros(2), torch.zeros(2, 2), {"item": 1}]
)
def test_what_is_reported_and_no_number(value: Any) -> None:
    assert number(value) is None
