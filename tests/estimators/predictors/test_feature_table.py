"""Columns joined to features."""

import math

import numpy as np
import pytest

from ray_nas.estimators import join_columns


def test_columns_keep_their_order_and_become_finite() -> None:
    joined = join_columns(
        np.zeros((5, 2)), {"synflow": [-1e30, 0.0, 3.0, math.inf, math.nan], "zen": [1.0] * 5}
    )
    assert joined.shape == (5, 4)
    assert np.isfinite(joined).all()
    assert joined[0, 2] < joined[1, 2] == 0.0 < joined[2, 2]
    assert joined[3, 2] == joined[4, 2] == joined[0, 2], "what is not finite ranks last"


def test_a_column_without_finite_values_is_left_out() -> None:
    assert join_columns(np.zeros((2, 2)), {"snip": [math.nan, math.inf]}).shape == (2, 2)
    assert join_columns(np.zeros((2, 2)), {}).shape == (2, 2)


def test_a_column_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match=r"'snip' must have one value for each of the 2"):
        join_columns(np.zeros((2, 2)), {"snip": [1.0]})
