"""A Gaussian process on functions that are known."""

import math

import numpy as np
import pytest

from ray_nas.estimators import GaussianProcess


def make_data(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One-hot codes of three choices of four and a float; only the first and the float matter."""
    choices = rng.integers(4, size=(number, 3))
    place = rng.random(number)
    features = np.concatenate([np.eye(4)[choices].reshape(number, 12), place[:, None]], axis=1)
    return features, np.array([0.0, 1.0, 2.0, -1.0])[choices[:, 0]] + np.sin(4.0 * place)


def test_it_predicts_what_it_has_not_seen_and_knows_how_well() -> None:
    rng = np.random.default_rng(0)
    features, values = make_data(60, rng)
    process = GaussianProcess(make_data(200, rng)[0])
    process.fit(features, values, np.zeros(60))
    posterior = process.condition(features, values, np.zeros(60), np.zeros((0, 13)))
    unseen, truth = make_data(200, rng)
    mean, deviation = posterior.predict(unseen)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.2 * truth.std()
    assert 0.85 < np.mean(np.abs(mean - truth) < 2.0 * deviation) <= 1.0
    weights = np.array(process.hyperparameters[:12])
    assert weights[:4].mean() > weights[4:].mean() + 0.5


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    features, values = make_data(20, rng)
    process, noise = GaussianProcess(features), rng.random(20)
    point = np.array(process.hyperparameters) + rng.normal(0.0, 0.3, 15)
    gradient = process._loss(point, features, values, noise)[1]
    for index in range(15):
        step = np.zeros(15)
        step[index] = 1e-5
        ends = [process._loss(point + sign * step, features, values, noise)[0] for sign in (1, -1)]
        assert gradient[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-5)


def test_a_pending_point_takes_uncertainty_and_leaves_the_mean() -> None:
    rng = np.random.default_rng(2)
    features, values = make_data(30, rng)
    process = GaussianProcess(features)
    here, elsewhere = make_data(2, rng)[0]
    rows = np.array([here, elsewhere])
    alone, waiting = (
        process.condition(features, values, np.zeros(30), pending).predict(rows)
        for pending in (rows[:0], rows[:1])
    )
    np.testing.assert_allclose(waiting[0], alone[0], atol=1e-9)
    assert waiting[1][0] < 0.1 * alone[1][0]
    assert waiting[1][1] <= alone[1][1]


def test_an_uncertain_value_counts_less() -> None:
    features, values = np.array([[0.0], [1.0]]), np.array([1.0, -1.0])
    process = GaussianProcess(features)
    sure, unsure = (
        process.condition(features, values, np.array([extra, 0.0]), features[:0]).predict(
            features[:1]
        )
        for extra in (0.0, 3.0)
    )
    assert unsure[0][0] < 0.6 < sure[0][0]
    assert unsure[1][0] > sure[1][0]


def test_equal_values_and_repeated_points_are_no_trouble() -> None:
    features = np.zeros((6, 2))
    process = GaussianProcess(features)
    process.fit(features, np.zeros(6), np.zeros(6))
    mean, deviation = process.condition(features, np.zeros(6), np.zeros(6), features).predict(
        np.ones((1, 2))
    )
    assert mean[0] == 0.0
    assert math.isfinite(deviation[0])
