"""One score for trials with several objectives or limits, for strategies that rank by one number.

Several objectives: the maximin fitness (Balling, 2003: https://doi.org/10.1007/3-540-36970-8_1)
against the front of the completed trials, on values scaled to [0, 1]. It is negative where another
trial is better in everything, by the smallest margin. On the front it is positive: how far a trial
is from the others there. So one continuous number covers dominance and crowding.

Limits: Deb's parameter-free penalty (2000: https://doi.org/10.1016/S0045-7825(99)00389-8). A trial
that breaks limits scores below all that keep them, the lower the more it breaks them. Unlike Deb's,
the penalty stays within the spread of the feasible scores, so that it does not dominate models of
the scores.
"""

from collections.abc import Sequence

import numpy as np

from ray_nas.pareto import Values, Vector, is_nondominated


class Scores:
    """The scores of all completed trials, which change as trials complete.

    Example:
        >>> scores = Scores()
        >>> scores.add("a", (0.9, -80.0), violation=0.0)
        (1.0, {})
        >>> scores.add("b", (0.8, -90.0), violation=0.0)
        (-1.0, {})
        >>> scores.by_trial
        {'a': 1.0, 'b': -1.0}
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._values: list[Sequence[float]] = []
        self._violations: list[float] = []
        self._scores: Vector = np.empty(0)

    def add(
        self, trial_id: str, values: Sequence[float], violation: float
    ) -> tuple[float, dict[str, float]]:
        """Adds a completed trial.

        Args:
            trial_id: The trial's id.
            values: The objectives, to be maximised.
            violation: By how much it breaks the limits; 0 if it keeps them.

        Returns:
            Its score, and the scores of the earlier trials that it changes.
        """
        before = self._scores
        self._ids.append(trial_id)
        self._values.append(values)
        self._violations.append(violation)
        self._scores = scores(np.array(self._values, dtype=np.float64), np.array(self._violations))
        changed = np.flatnonzero(self._scores[:-1] != before)
        return float(self._scores[-1]), {
            self._ids[index]: float(self._scores[index]) for index in changed
        }

    @property
    def by_trial(self) -> dict[str, float]:
        """Trial id to current score."""
        return dict(zip(self._ids, self._scores.tolist(), strict=True))

    def preview(self, values: Sequence[float], violation: float) -> float:
        """The score that a trial would get if it completed with these values."""
        return float(
            scores(
                np.array([*self._values, values], dtype=np.float64),
                np.array([*self._violations, violation]),
            )[-1]
        )


def scores(values: Values, violations: Vector) -> Vector:
    """Scores trials against each other; one objective without violations scores its values.

    Args:
        values: Shape (trials, objectives), to be maximised.
        violations: Shape (trials,), 0 where the limits are kept.

    Returns:
        Shape (trials,), to be maximised.

    Example:
        >>> scores(np.array([[0.5], [0.7], [0.9]]), np.array([0.0, 0.0, 1.0])).round(2).tolist()
        [0.5, 0.7, 0.4]
    """
    feasible = violations == 0
    result = np.zeros(len(values))
    if feasible.any():
        has_one = values.shape[1] == 1
        result[feasible] = values[feasible, 0] if has_one else maximin(values[feasible])
    return penalized(result, violations)


def penalized(values: Vector, violations: Vector) -> Vector:
    """Values to be maximised, with trials that break limits moved below all others.

    Args:
        values: Shape (trials,).
        violations: Shape (trials,), 0 where the limits are kept.

    Returns:
        Shape (trials,).

    Example:
        >>> penalized(np.array([1.0, 3.0, 9.0]), np.array([0.0, 0.0, 1.0])).tolist()
        [1.0, 3.0, 0.0]
    """
    feasible = violations == 0
    if feasible.all():
        return values
    lowest = 0.0
    spread = 0.0
    if feasible.any():
        lowest = values[feasible].min()
        spread = np.ptp(values[feasible])
    penalty = (spread or 1.0) * violations / (1.0 + violations)
    return np.where(feasible, values, lowest - penalty)


def maximin(values: Values) -> Vector:
    """The maximin fitness against the front, with the sign turned so that more is better.

    Args:
        values: Shape (trials, objectives), to be maximised.

    Returns:
        Shape (trials,), from -1 to 1.

    Example:
        >>> maximin(np.array([[0.0, 2.0], [2.0, 0.0], [0.0, 1.0]])).tolist()
        [1.0, 1.0, 0.0]
    """
    # Scale to [0, 1]
    spread = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    # By how much a trial beats each member of the front, in its best objective
    front = scaled[is_nondominated(scaled)]
    margins = (scaled[:, None, :] - front[None, :, :]).max(axis=2)
    # A trial is compared with its equals, but not with itself
    own = (scaled[:, None, :] == front[None, :, :]).all(axis=2)
    margins[own & (own.sum(axis=0) == 1)] = np.inf
    fitness: Vector = np.minimum(margins.min(axis=1), 1.0)
    return fitness
