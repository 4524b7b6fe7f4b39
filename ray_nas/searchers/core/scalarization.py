"""One figure for trials with several objectives or with limits on what they report, for strategies
that rank by one.

Several objectives: the maximin fitness (Balling, 2003: https://doi.org/10.1007/3-540-36970-8_1)
against the front of what has completed, on values scaled to [0, 1]. It is negative where another
trial is better in everything, by the least margin, and positive on the front, by how much a trial
stands alone there: dominance and crowding in one continuous figure.

Limits: Deb's parameter-free penalty (2000: https://doi.org/10.1016/S0045-7825(99)00389-8). A trial
that breaks them scores below all that keep them, the lower the more it breaks them; here the
penalty is kept within the spread of the feasible scores, so that models of the scores are not led
by it.
"""

from collections.abc import Sequence

import numpy as np

from ray_nas.pareto import Values, Vector, is_nondominated


class Scores:
    """The scores of all completed trials. They change as trials complete, and depend on nothing
    but these.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._values: list[Sequence[float]] = []
        self._violations: list[float] = []
        self._scores: Vector = np.empty(0)

    def add(
        self, trial_id: str, values: Sequence[float], violation: float
    ) -> tuple[float, dict[str, float]]:
        """Takes in a completed trial.

        Args:
            trial_id: Its id.
            values: Its objectives, to be maximised.
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
        """The score that a trial would get if it completed like this."""
        return float(
            scores(
                np.array([*self._values, values], dtype=np.float64),
                np.array([*self._violations, violation]),
            )[-1]
        )


def scores(values: Values, violations: Vector) -> Vector:
    """The scores of trials among each other; of one objective without violations, its values.

    Args:
        values: Shape (trials, objectives), to be maximised.
        violations: Shape (trials,), 0 where the limits are kept.
    """
    feasible = violations == 0
    result = np.zeros(len(values))
    if feasible.any():
        result[feasible] = (
            values[feasible, 0] if values.shape[1] == 1 else maximin(values[feasible])
        )
    return penalized(result, violations)


def penalized(figures: Vector, violations: Vector) -> Vector:
    """Figures to be maximised, with those of trials that break limits put below all others.

    Args:
        figures: Shape (trials,).
        violations: Shape (trials,), 0 where the limits are kept.
    """
    feasible = violations == 0
    if feasible.all():
        return figures
    lowest = figures[feasible].min() if feasible.any() else 0.0
    spread = (np.ptp(figures[feasible]) if feasible.any() else 0.0) or 1.0
    return np.where(feasible, figures, lowest - spread * violations / (1.0 + violations))


def maximin(values: Values) -> Vector:
    """The maximin fitness against the front, turned so that more is better.

    Args:
        values: Shape (trials, objectives), to be maximised.
    """
    low, spread = values.min(axis=0), np.ptp(values, axis=0)
    scaled = (values - low) / np.where(spread > 0, spread, 1.0)
    front = scaled[is_nondominated(scaled)]
    margins = (scaled[:, None, :] - front[None, :, :]).max(
        axis=2
    )  # by how much a trial beats a member of the front at best
    own = (scaled[:, None, :] == front[None, :, :]).all(axis=2)
    margins[own & (own.sum(axis=0) == 1)] = (
        np.inf
    )  # a trial is not compared with itself, only with its equals
    fitness: Vector = np.minimum(margins.min(axis=1), 1.0)
    return fitness
