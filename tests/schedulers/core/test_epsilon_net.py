"""The order of the epsilon-net, and ranks by it."""

import numpy as np

from ray_nas.schedulers.core.epsilon_net import epsilon_net, places_ahead


def test_each_point_is_the_farthest_from_those_before_it():
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, np.pi / 2, 30)
    points = np.column_stack([np.sin(angles), np.cos(angles)])
    order, scaled = epsilon_net(points), points / np.ptp(points, axis=0)
    assert sorted(order) == list(range(30))
    assert order[0] == points[:, 0].argmax()
    for place in range(1, 30):
        distance = np.linalg.norm(scaled[:, None] - scaled[None, order[:place]], axis=2).min(axis=1)
        assert np.isclose(distance[order[place]], distance.max())


def test_the_order_is_one_end_the_other_end_the_middle():
    """The crowded points at one end come last."""
    points = np.array([[0.50, 0.50], [0.98, 0.02], [0.99, 0.01], [1.00, 0.00], [0.00, 1.00]])
    assert epsilon_net(points).tolist() == [3, 4, 0, 1, 2]


def test_units_have_no_effect():
    points = np.random.default_rng(1).random((20, 3))
    assert epsilon_net(points).tolist() == epsilon_net(points * [1.0, 1e6, 1e-6]).tolist()


def test_fronts_come_before_the_net_and_constraints_before_fronts():
    points = np.array([[0.5, 0.5], [0.6, 0.6], [1.0, 1.0], [0.0, 0.0]])
    assert places_ahead(points, np.zeros(4)) == 2
    assert places_ahead(points, np.array([0.0, 0.0, 0.1, 0.2])) == 1
    assert places_ahead(points, np.array([0.3, 0.0, 0.1, 0.2])) == 3


def test_equal_points_put_the_first_ahead():
    assert places_ahead(np.array([[0.5], [0.5], [0.5]]), np.zeros(3)) == 0
