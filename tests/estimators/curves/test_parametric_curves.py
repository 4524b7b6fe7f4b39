"""The parametric families on curves whose ends are known."""

import math

import numpy as np
import pytest

from ray_nas.estimators.curves import fit_families


def test_families_cover_the_end_and_narrow_with_what_is_seen(times, rising):
    _, values = rising()
    widths = []
    for seen in (5, 15, 40):
        posterior = fit_families(times, np.where(seen >= times, values, np.nan), 50.0)
        mean, variance = posterior.forecast(50.0)
        z = (values[:, -1] - mean) / np.sqrt(variance)
        assert np.mean(np.abs(z) < 1.645) > 0.75
        widths.append(np.sqrt(variance).mean())
    assert widths[0] > widths[1] > widths[2]


def test_families_know_a_plateau_and_a_fall(times):
    flat = np.full((1, 50), 0.3)
    falling = 0.8 - 0.4 * (1 - np.exp(-times / 8))[None]
    for values in (flat, falling):
        mean, _ = fit_families(times, np.where(times <= 25, values, np.nan), 50.0).forecast(50.0)
        assert mean[0] == pytest.approx(values[0, -1], abs=0.05)


def test_families_without_a_single_value_give_the_prior(times):
    mean, variance = fit_families(times, np.full((1, 50), np.nan), 50.0).forecast(50.0)
    assert math.isfinite(mean[0])
    assert variance[0] > 0.05
