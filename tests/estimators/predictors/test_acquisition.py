"""Acquisition functions against their definitions."""

import math

import numpy as np

from ray_nas.estimators import log_expected_improvement


def test_expected_improvement_is_exact_and_finite_far_below() -> None:
    mean = np.array([-1e4, -50.0, -6.0, -5.001, -4.999, 0.0, 3.0])
    found = log_expected_improvement(mean, np.ones(7), 0.0)
    assert np.all(np.diff(found) > 0.0)
    assert np.isfinite(found).all()
    density = np.exp(-0.5 * mean[4:] ** 2) / math.sqrt(2.0 * math.pi)
    normal = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in mean[4:]])
    np.testing.assert_allclose(np.exp(found[4:]), density + mean[4:] * normal, rtol=1e-6)
