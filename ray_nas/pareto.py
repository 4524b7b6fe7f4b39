"""Several objectives: dominance, crowding, hypervolume, the Pareto front of a run.

Sections and equations are those of NSGA-II (Deb et al., 2002: https://doi.org/10.1109/4235.996017).
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
    """The results that no other result dominates, the best in the first objective first.

    A result dominates another if it is better in one objective and not worse in any.

    Args:
        results: Tune's `ResultGrid`, a list of its results, or anything with `metrics` and `error`.
            Each counts with its last metrics; those with an error, or with a missing or non-finite
            objective, are left out.
        objectives: Metric name to "min" or "max"; nested metrics by their path, "a/b".

    Raises:
        ValueError: `objectives` is empty, or has values other than "min" and "max".

    Example:
        >>> from types import SimpleNamespace
        >>> metrics = [{"acc": 0.9, "ms": 3}, {"acc": 0.8, "ms": 4}, {"acc": 0.7, "ms": 2}]
        >>> results = [SimpleNamespace(metrics=each, error=None) for each in metrics]
        >>> front = pareto_front(results, {"acc": "max", "ms": "min"})
        >>> [result.metrics["acc"] for result in front]
        [0.9, 0.7]
    """
    check_objectives(objectives)
    usable, rows = [], []
    for result in results:
        metrics = getattr(result, "metrics", None) or {}
        row = [
            _metric(metrics, name) * (1 if mode == "max" else -1)
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
    """The volume that the points dominate above a reference point.

    Points that do not exceed the reference in all objectives add nothing. Exact, by slices along
    the last objective: about n^(m-1) steps for n points and m objectives.

    Args:
        values: Shape (points, objectives), to be maximised.
        reference: Shape (objectives,).

    Raises:
        ValueError: The shapes do not match.

    Example:
        >>> import numpy as np
        >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros(2))
        3.0
    """
    values = np.asarray(values, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    if values.ndim != 2 or reference.shape != values.shape[1:]:
        raise ValueError(
            f"values must have shape (points, {reference.size}) as reference has, got "
            f"{values.shape}"
        )
    gains = values[(values > reference).all(axis=1)] - reference
    return _volume(gains[is_nondominated(gains)]) if len(gains) else 0.0


def _volume(gains: Values) -> float:
    """The volume between the origin and nondominated points."""
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
    """Whether each point is dominated by no other; equal points do not dominate each other.

    Args:
        values: Shape (points, objectives).

    Returns:
        Shape (points,).

    Example:
        >>> import numpy as np
        >>> is_nondominated(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])).tolist()
        [True, True, False]
    """
    alive = np.ones(len(values), dtype=bool)
    # Points that dominate many others come first
    for index in np.argsort(-values.sum(axis=1), kind="stable"):
        if alive[index]:
            point = values[index]
            alive &= (values > point).any(axis=1) | (values == point).all(axis=1)
    return alive


def ranks(values: Values, violations: Vector) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The front of each point, from 0, under constraint-domination (III-A and VI-A).

    A feasible point dominates every infeasible one; of two infeasible points, the one with the
    smaller violation dominates; feasible points are compared by their values.

    Args:
        values: Shape (points, objectives).
        violations: Shape (points,), 0 for feasible points.

    Returns:
        Shape (points,).

    Example:
        >>> import numpy as np
        >>> ranks(np.array([[1.0], [2.0], [3.0]]), np.array([0.0, 0.0, 0.5])).tolist()
        [1, 0, 2]
    """
    # dominates[i, j]: i dominates j
    better_equal = (values[:, None, :] >= values[None, :, :]).all(axis=2)
    by_values = better_equal & ~better_equal.T
    equally_violated = violations[:, None] == violations[None, :]
    by_violation = violations[:, None] < violations[None, :]
    dominates = np.where(equally_violated, by_values, by_violation)
    dominates &= ~((violations[:, None] > 0) & equally_violated)
    # Remove one front after the other
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
    """The crowding distance of each point of one front (III-B).

    The sum of the gaps around the point, infinite at the ends.

    Args:
        values: The points of the front, shape (points, objectives).

    Returns:
        Shape (points,).

    Example:
        >>> import numpy as np
        >>> crowding(np.array([[0.0], [1.0], [4.0]])).tolist()
        [inf, 1.0, inf]
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
    """Sorts points by front, and within a front the least crowded first (III-B).

    Args:
        values: Shape (points, objectives).
        violations: Shape (points,), 0 for feasible points.

    Returns:
        Indices of the points, shape (points,).

    Example:
        >>> import numpy as np
        >>> best_first(np.array([[1.0], [3.0], [2.0]]), np.zeros(3)).tolist()
        [1, 2, 0]
    """
    rank = ranks(values, violations)
    distance = np.zeros(len(values))
    for front in range(int(rank.max(initial=-1)) + 1):
        members = rank == front
        distance[members] = crowding(values[members])
    return np.lexsort((-distance, rank))


def excess(value: float, limits: Limits) -> float:
    """How far a value is beyond its limits, relative to the limit it breaks; 0 inside.

    Example:
        >>> excess(12.0, (None, 10.0))
        0.2
    """
    low, high = limits
    if low is not None and value < low:
        return (low - value) / (abs(low) or 1.0)
    if high is not None and value > high:
        return (value - high) / (abs(high) or 1.0)
    return 0.0


def _metric(metrics: Mapping[str, Any], name: str) -> float:
    """A metric by its name or its path; NaN if it is missing or not a number."""
    value: Any = metrics.get(name, metrics)
    if value is metrics:
        for key in name.split("/"):
            value = value.get(key) if isinstance(value, Mapping) else None
    plain = number(value)
    return math.nan if plain is None else float(plain)
