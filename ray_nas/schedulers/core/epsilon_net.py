"""Ranking by fronts, within a front by an epsilon-net (Schmucker et al., 2021).

https://arxiv.org/abs/2106.12639. The net is the farthest-first traversal of Clarkson (2006): each
point is the one farthest from all points before it. So the first n points are spread over the
front for every n, whatever its density. Difference: objectives are scaled to their range on the
front.
"""

import numpy as np

from ray_nas.pareto import Values, Vector, ranks


def places_ahead(values: Values, violations: Vector) -> int:
    """How many points rank ahead of the first one; of equal points the first is ahead.

    Args:
        values: Shape (points, objectives), to be maximised.
        violations: Shape (points,), 0 for feasible points.

    Example:
        >>> points = np.array([[0.5, 0.5], [0.6, 0.6], [1.0, 1.0], [0.0, 0.0]])
        >>> places_ahead(points, np.zeros(4)), places_ahead(points, np.array([0.0, 0.0, 1.0, 1.0]))
        (2, 1)
    """
    front = ranks(values, violations)
    own = values[front == front[0]]
    return int((front < front[0]).sum()) + int(np.flatnonzero(epsilon_net(own) == 0)[0])


def epsilon_net(values: Values) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Orders points, farthest first, starting with the best in the first objective.

    Distances are Euclidean, with each objective scaled to its range among the points.

    Args:
        values: Shape (points, objectives), to be maximised; at least one point.

    Returns:
        The indices of the points, shape (points,).

    Example:
        >>> epsilon_net(np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0], [0.0, 1.0]])).tolist()
        [2, 3, 0, 1]
    """
    spread = np.ptp(values, axis=0)
    scaled = values / np.where(spread > 0, spread, 1.0)
    order = [int(np.argmax(values[:, 0]))]
    nearest = np.full(len(values), np.inf)
    while len(order) < len(values):
        nearest = np.minimum(nearest, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        nearest[order] = -1.0  # already ordered; points equal to these have distance 0
        order.append(int(np.argmax(nearest)))
    return np.array(order, dtype=np.intp)
