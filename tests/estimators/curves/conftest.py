"""Synthetic learning curves whose ends are known."""

import numpy as np
import pytest

TIMES = np.arange(1, 51.0)


@pytest.fixture
def times():
    return TIMES


@pytest.fixture
def rising():
    """Makes encodings and values; the asymptote depends on the first feature, the speed on none."""

    def make(n: int = 80, noise: float = 0.005):
        rng = np.random.default_rng(1)
        encodings = rng.random((n, 3))
        speed = rng.uniform(3, 12, n)
        mean = (0.4 + 0.5 * encodings[:, :1]) * (1 - np.exp(-TIMES / speed[:, None]))
        return encodings, mean + noise * rng.standard_normal((n, len(TIMES)))

    return make


@pytest.fixture
def as_curves():
    """A function that turns rows of values into curves, up to a number of reports."""

    def convert(values, upto: int = len(TIMES)):
        reported = TIMES[:upto].tolist()
        return [list(zip(reported, row[:upto].tolist(), strict=True)) for row in values]

    return convert
