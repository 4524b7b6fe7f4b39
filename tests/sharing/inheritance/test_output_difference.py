"""Outputs of networks are compared: tensors, sequences and dicts of them."""

import math

import pytest
import torch

from ray_nas.sharing.inheritance.output_difference import (
    are_equal,
    are_equal_up_to_new_channels,
    largest_difference,
)

ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ONES, 0.5 * ONES, 0.5),
        ({"a": ONES, "b": ONES}, {"a": ONES, "b": -ONES}, 2.0),
        ([ONES, (ONES, ONES)], [ONES, (ONES, 3 * ONES)], 2.0),
        (torch.zeros(0), torch.zeros(0), 0.0),
        (ONES, torch.ones(3, 2), math.inf),
        ([ONES], [ONES, ONES], math.inf),
        ({"a": ONES}, {"b": ONES}, math.inf),
        (ONES, math.nan * ONES, math.inf),
    ],
)
def test_the_largest_difference(one: object, other: object, expected: float) -> None:
    assert largest_difference(one, other) == expected


def test_small_outputs_are_compared_relative_to_the_largest() -> None:
    assert are_equal(1000 * ONES + 5e-6, 1000 * ONES)
    assert not are_equal(1e-6 * ONES, 0.5e-6 * ONES)


def test_new_channels_are_ignored_and_missing_ones_are_not() -> None:
    assert are_equal_up_to_new_channels(torch.cat([ONES, 9 * ONES], 1), ONES)
    assert not are_equal_up_to_new_channels(ONES[:, :2], ONES)
    assert not are_equal_up_to_new_channels(ONES, ONES[0])
    assert not are_equal_up_to_new_channels((ONES,), ONES)
