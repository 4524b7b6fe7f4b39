"""Distances between rows against scipy's."""

import numpy as np
from scipy.spatial.distance import cdist

from ray_nas.estimators.arrays import squared_distances


def test_distances_are_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    np.testing.assert_allclose(squared_distances(a, b), cdist(a, b, "sqeuclidean"), atol=1e-12)


def test_rounding_never_makes_a_distance_negative() -> None:
    rows = 1e6 + np.random.default_rng(0).random((50, 4))
    assert squared_distances(rows, rows).min() >= 0.0


def test_no_rows_have_no_distances() -> None:
    assert squared_distances(np.zeros((0, 3)), np.zeros((2, 3))).shape == (0, 2)
