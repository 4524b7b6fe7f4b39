"""Ranking by fronts, within a front by an epsilon-net (Schmucker et al., 2021).

https://arxiv.org/abs/2106.12639. The net is the farthest-first traversal of Clarkson (2006): each
point taken is the one farthest from those taken before it. Every start of the order is thus spread
over the front, whatever its density. Deviation: objectives are scaled to their range on the front.
"""

import numpy as np

from ray_nas.pareto import Values, Vector, ranks


def places_ahead(values: Values, violations: Vector) -> int:
    """How many points are ranked ahead of the first one.

    Equal values put the first point ahead.

    Args:
        values: Shape (points, objectives), to be maximised.
        violations: Shape (points,), 0 for points that break no constraint.
    """
    front = ranks(values, violations)
    own = values[front == front[0]]
    return int((front < front[0]).sum()) + int(np.flatnonzero(epsilon_net(own) == 0)[0])


def epsilon_net(values: Values) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The indices of points, farthest first, beginning with the best in the first objective.

    Distances are Euclidean, with every objective scaled to its range among the points.

    Args:
        values: Shape (points, objectives), to be maximised; at least one point.
    """
    spread = np.ptp(values, axis=0)
    scaled = values / np.where(spread > 0, spread, 1.0)
    order = [int(np.argmax(values[:, 0]))]
    nearest = np.full(len(values), np.inf)
    while len(order) < len(values):
        nearest = np.minimum(nearest, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        nearest[order] = -1.0  # taken; points equal to these are at 0
        order.append(int(np.argmax(nearest)))
    return np.array(order, dtype=np.intp)
