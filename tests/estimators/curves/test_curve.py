"""Values of a curve at a time."""

from ray_nas.estimators.curves.curve import value_at


def test_the_last_value_by_a_time_counts():
    curve = [(1.0, 0.1), (2.0, 0.2), (4.0, 0.4)]
    times = (0.5, 1.0, 3.9, 4.0, 9.0)
    assert [value_at(curve, time) for time in times] == [None, 0.1, 0.2, 0.4, 0.4]


def test_an_empty_curve_has_no_value():
    assert value_at([], 1.0) is None
