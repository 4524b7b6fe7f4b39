import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.indicators.hv import HV
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from ray_nas import pareto_front
from ray_nas.pareto import best_first, crowding, excess, hypervolume, is_nondominated, ranks

points = st.integers(1, 3).flatmap(
    lambda objectives: st.lists(
        st.lists(st.integers(0, 5), min_size=objectives, max_size=objectives),
        min_size=1,
        max_size=20,
    )
)


@dataclass
class Result:
    metrics: dict | None
    error: Exception | None = None
    config: dict = field(default_factory=dict)


def test_front_in_the_order_of_the_first_objective() -> None:
    results = [
        Result({"acc": acc, "ms": ms})
        for acc, ms in ((0.5, 1.0), (0.9, 3.0), (0.7, 2.0), (0.6, 2.5), (0.9, 4.0))
    ]
    assert pareto_front(results, {"acc": "max", "ms": "min"}) == [
        results[1],
        results[2],
        results[0],
    ]
    assert pareto_front(results, {"ms": "min"}) == [results[0]]


def test_equal_results_are_all_on_the_front() -> None:
    results = [Result({"a": 1.0, "b": 2.0}), Result({"a": 1.0, "b": 2.0})]
    assert pareto_front(results, {"a": "max", "b": "max"}) == results


def test_errors_and_unusable_values_are_left_out() -> None:
    good = Result({"a": 1.0, "nested": {"b": 1.0}})
    bad = [
        Result({"a": 9.0, "nested": {"b": 9.0}}, error=RuntimeError("out of memory")),
        Result({"a": math.nan, "nested": {"b": 9.0}}),
        Result({"a": 9.0, "nested": {"b": math.inf}}),
        Result({"a": 9.0}),
        Result({"a": "much", "nested": {"b": 9.0}}),
        Result(None),
        SimpleNamespace(),
    ]
    assert pareto_front([*bad, good], {"a": "max", "nested/b": "max"}) == [good]
    assert pareto_front(bad, {"a": "max", "nested/b": "max"}) == []


@pytest.mark.parametrize(
    ("objectives", "message"),
    [({}, "at least one metric"), ({"a": "more"}, "'min' or 'max', got 'more'")],
)
def test_objectives_are_checked(objectives: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pareto_front([], objectives)


@settings(deadline=None)
@given(points)
def test_fronts_are_those_of_pymoo(rows: list[list[int]]) -> None:
    values = np.array(rows, dtype=float)
    fronts = NonDominatedSorting().do(-values)
    expected = np.empty(len(values), dtype=int)
    for number, members in enumerate(fronts):
        expected[members] = number
    found = ranks(values, np.zeros(len(values)))
    assert found.tolist() == expected.tolist()
    assert is_nondominated(values).tolist() == (expected == 0).tolist()


@settings(deadline=None)
@given(points)
def test_hypervolume_is_that_of_pymoo(rows: list[list[int]]) -> None:
    values = np.array(rows, dtype=float)
    reference = np.ones(values.shape[1])
    assert hypervolume(values, reference) == pytest.approx(HV(-reference)(-values))


def test_hypervolume_in_four_dimensions() -> None:
    values = np.random.default_rng(0).random((30, 4))
    assert hypervolume(values, np.zeros(4)) == pytest.approx(HV(np.zeros(4))(-values))


def test_hypervolume_needs_matching_shapes() -> None:
    with pytest.raises(ValueError, match=r"shape \(points, 3\).*got \(2, 2\)"):
        hypervolume(np.ones((2, 2)), np.zeros(3))
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0.0


def test_crowding_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    first = np.sort(rng.random(9))
    values = np.stack([first, np.sort(rng.random(9))[::-1]], axis=1)
    found, expected = (
        crowding(values),
        calc_crowding_distance(-values) * 2,
    )  # pymoo averages over the objectives
    assert np.isinf(found[[0, -1]]).all()
    assert found[1:-1] == pytest.approx(expected[1:-1])


def test_crowding_of_equal_points_is_zero() -> None:
    assert crowding(np.ones((3, 2))).tolist() == [0.0, 0.0, 0.0]
    assert crowding(np.ones((1, 2))).tolist() == [0.0]


def test_constraint_domination() -> None:
    values = np.array([[1.0, 1.0], [9.0, 9.0], [8.0, 8.0], [0.0, 0.0], [7.0, 7.0]])
    violations = np.array([0.0, 0.5, 0.1, 0.0, 0.1])
    assert ranks(values, violations).tolist() == [0, 3, 2, 1, 2]


def test_fronts_come_in_order_and_the_ends_of_a_front_first() -> None:
    values = np.array([[0.0, 0.0], [3.0, 1.0], [2.0, 2.0], [2.1, 1.9], [1.0, 3.0], [1.0, 1.0]])
    order = best_first(values, np.zeros(6)).tolist()
    assert set(order[:2]) == {1, 4}
    assert set(order[2:4]) == {2, 3}
    assert order[4:] == [5, 0]


def test_what_breaks_a_limit_comes_behind_by_how_far() -> None:
    values = np.array([[9.0, 9.0], [1.0, 1.0], [9.0, 9.0], [9.0, 9.0]])
    assert best_first(values, np.array([2.0, 0.0, 0.5, np.inf])).tolist() == [1, 2, 0, 3]


def test_one_objective_is_plain_ranking() -> None:
    values = np.random.default_rng(0).random((20, 1))
    assert best_first(values, np.zeros(20)).tolist() == np.argsort(-values[:, 0]).tolist()


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [
        (5.0, (None, 4.0), 0.25),
        (5.0, (10.0, None), 0.5),
        (5.0, (5.0, 5.0), 0.0),
        (5.0, (None, 0.0), 5.0),
        (-5.0, (-4.0, 9.0), 0.25),
    ],
)
def test_how_far_beyond_a_limit(value: float, limits: tuple, expected: float) -> None:
    assert excess(value, limits) == expected
