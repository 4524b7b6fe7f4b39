"""Likelihoods and samples of the curve families, which only the benchmark needs."""

import numpy as np
import pytest

from ray_nas.estimators.curves import FamilyPosterior, fit_families

TIMES = np.arange(1, 51.0)


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("family_posterior")


def fitted(n: int) -> FamilyPosterior:
    """The posterior of rising curves seen up to a fifth of full length."""
    rng = np.random.default_rng(1)
    values = rng.uniform(0.5, 0.9, (n, 1)) * (1 - np.exp(-TIMES / rng.uniform(3, 12, (n, 1))))
    values += 0.005 * rng.standard_normal(values.shape)
    return fit_families(TIMES, np.where(TIMES <= 10, values, np.nan), 50.0)


def test_samples_agree_with_the_moments(script):
    posterior = fitted(4)
    draws = script.sample(posterior, np.array([20.0, 50.0]), 20_000, np.random.default_rng(0))
    assert draws.shape == (4, 20_000, 2)
    mean, variance = posterior.forecast(50.0)
    assert draws[..., 1].mean(1) == pytest.approx(mean, abs=0.01)
    assert (draws[..., 1].var(1) < variance * 1.1).all()  # without the noise of an observation


def test_the_likelihood_is_a_density(script):
    posterior = fitted(2)
    grid = np.linspace(-1, 3, 2001)
    densities = [np.exp(script.log_likelihood(posterior, 50.0, np.full(2, x))) for x in grid]
    assert np.sum(densities, 0) * (grid[1] - grid[0]) == pytest.approx([1, 1], abs=1e-3)
