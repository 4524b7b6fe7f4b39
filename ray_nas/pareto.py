"""Several objectives: dominance, crowding (Deb et al., 2002: https://doi.org/10.1109/4235.996017),
hypervolume, the front of a run.

Arrays of values have the shape (trials, objectives) and are to be maximised.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from ray_nas.checks import Limits, check_objectives, number

Values = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Result = TypeVar("Result")


def pareto_front(results: Iterable[Result], objectives: Mapping[str, str]) -> list[Result]:
    """The results that no other beats in one objective without being worse in another, the best of
    the first objective first.

    Args:
        results: Tune's `ResultGrid`, a list of its results, or anything with `metrics` and `error`;
            each counts with its last metrics, those with an error, a missing or a non-finite
            objective are left out.
        objectives: Metric name to "min" or "max"; nested metrics by their path, "a/b".

    Raises:
        ValueError: `objectives` is empty or holds something else than "min" and "max".
    """
    check_objectives(objectives)
    usable, rows = [], []
    for result in results:
        metrics = getattr(result, "metrics", None) or {}
        row = [
            _number(metrics, name) * (1 if mode == "max" else -1)
            for name, mode in objectives.items()
        ]
        if getattr(result, "error", None) is None and all(math.isfinite(value) for value in row):
            usable.append(result)
            rows.append(row)
    if not usable:
        return []
    values = np.array(rows, dtype=np.float64)
    front = np.flatnonzero(is_nondominated(values))
    return [usable[index] for index in front[np.argsort(-values[front, 0], kind="stable")]]


def hypervolume(values: Values, reference: Vector) -> float:
    """The volume that the points dominate above a reference point; points that do not exceed it in
    all objectives add none.

    Exact, by slices along the last objective: with n points and m objectives some n^(m-1) steps.

    Args:
        values: Shape (points, objectives), to be maximised.
        reference: Shape (objectives,).
    """
    values, reference = (
        np.asarray(values, dtype=np.float64),
        np.asarray(reference, dtype=np.float64),
    )
    if values.ndim != 2 or reference.shape != values.shape[1:]:
        raise ValueError(
            f"values must have shape (points, {reference.size}) as reference has, got {values.shape}"
        )
    gains = values[(values > reference).all(axis=1)] - reference
    return _volume(gains[is_nondominated(gains)]) if len(gains) else 0.0


def _volume(gains: Values) -> float:
    if gains.shape[1] == 1:
        return float(gains.max())
    gains = gains[np.argsort(-gains[:, -1], kind="stable")]
    depths = np.append(gains[:, -1], 0.0)
    total = 0.0
    for count in range(1, len(gains) + 1):
        thickness = depths[count - 1] - depths[count]
        if thickness > 0:
            slab = gains[:count, :-1]
            total += thickness * _volume(slab[is_nondominated(slab)])
    return float(total)


def is_nondominated(values: Values) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each point is dominated by no other; equal points do not dominate each other."""
    alive = np.ones(len(values), dtype=bool)
    for index in np.argsort(-values.sum(axis=1), kind="stable"):  # what dominates a lot comes first
        if alive[index]:
            point = values[index]
            alive &= (values > point).any(axis=1) | (values == point).all(axis=1)
    return alive


def ranks(values: Values, violations: Vector) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The front of each point, from 0 (fast non-dominated sort, III-A), under constraint-domination
    (VI-A).

    A feasible point dominates every infeasible one, of two infeasible ones that of smaller
    violation dominates, and feasible ones are compared by their values.

    Args:
        values: Shape (points, objectives).
        violations: Shape (points,), 0 for feasible ones.
    """
    better_equal = (values[:, None, :] >= values[None, :, :]).all(axis=2)
    dominates = better_equal & ~better_equal.T
    dominates = np.where(
        violations[:, None] == violations[None, :],
        dominates,
        violations[:, None] < violations[None, :],
    )
    dominates &= ~((violations[:, None] > 0) & (violations[:, None] == violations[None, :]))
    dominated_by = dominates.sum(axis=0)
    rank = np.full(len(values), -1, dtype=np.int64)
    front = 0
    while (rank < 0).any():
        members = (rank < 0) & (dominated_by == 0)
        rank[members] = front
        dominated_by = dominated_by - dominates[members].sum(axis=0)
        front += 1
    return rank


def crowding(values: Values) -> Vector:
    """The crowding distance of each point of one front (III-B): the sum of the gaps around it,
    infinite at the ends.
    """
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        spread = ordered[-1] - ordered[0]
        if spread > 0:
            distance[order[1:-1]] += (ordered[2:] - ordered[:-2]) / spread
            distance[order[[0, -1]]] = np.inf
    return distance


def best_first(values: Values, violations: Vector) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The indices of points by their fronts, within a front the least crowded first (the crowded
    comparison, III-B).

    Args:
        values: Shape (points, objectives).
        violations: Shape (points,), 0 for feasible ones.
    """
    rank, distance = ranks(values, violations), np.zeros(len(values))
    for front in range(int(rank.max(initial=-1)) + 1):
        members = rank == front
        distance[members] = crowding(values[members])
    return np.lexsort((-distance, rank))


def excess(value: float, limits: Limits) -> float:
    """By how much a figure is beyond its limits, relative to the limit that it breaks; 0 inside."""
    low, high = limits
    if low is not None and value < low:
        return (low - value) / (abs(low) or 1.0)
    if high is not None and value > high:
        return (value - high) / (abs(high) or 1.0)
    return 0.0


def _number(metrics: Mapping[str, Any], name: str) -> float:
    """A metric by its name or its path; NaN where it is missing or no number."""
    value: Any = metrics.get(name, metrics)
    if value is metrics:
        for key in name.split("/"):
            value = value.get(key) if isinstance(value, Mapping) else None
    figure = number(value)
    return math.nan if figure is None else float(figure)
