"""Best so far against cost, and what random search would have found for the same cost.

The expected best of n random trials, from the m random trials of the search itself (Tang et al.,
2020, https://arxiv.org/abs/2010.02980): the mean over all subsets of n of the m values. With the
values in rising order, v_1 <= ... <= v_m, and larger ones better:

    E[best of n] = sum_i v_i C(i - 1, n - 1) / C(m, n),    n <= m

It is unbiased, and ends at n = m: the random trials say nothing about the best of more than there
are. Beyond m, the best of the m is a lower bound.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln

from ray_nas.estimators.arrays import Array
from ray_nas.report.analysis.search_results import SearchResults

MIN_RANDOM: Final = 5
"""Fewer random trials than this say too little."""
_POINTS: Final = 100
"""Most numbers of trials at which the expectation is computed."""


@dataclass(frozen=True)
class RandomExpectation:
    """Best so far of random search; made by `random_expectation`."""

    trials: Array
    """Numbers of usable trials, from 1, shape (points,)."""
    costs: Array
    """What so many random trials cost on average, shape (points,)."""
    mean: Array
    """The expected best value."""
    low: Array
    """The 5 % quantile of the best value."""
    high: Array
    """The 95 % quantile."""
    seen: int
    """The number of random trials that it comes from."""


@dataclass(frozen=True)
class BestSoFar:
    """Best so far of a search; made by `best_so_far`."""

    results: SearchResults
    costs: Array
    """What was paid when each trial had ended, in the order of proposals, shape (trials,)."""
    best: Array
    """The best value so far, shape (trials,); NaN before the first value."""
    baseline: float
    """The baseline's value; NaN if there is none."""
    random: RandomExpectation | None
    """None if the search had too few random trials."""

    @property
    def improvements(self) -> list[int]:
        """The indices of the trials that were the best so far."""
        previous = np.append(np.nan, self.best[:-1])
        return np.flatnonzero((self.best != previous) & np.isfinite(self.best)).tolist()


def best_so_far(results: SearchResults) -> BestSoFar:
    """The best value so far, by what the trials up to there cost together.

    Args:
        results: The trials.

    Example:
        >>> from ray_nas.record import ExperimentRecord, events
        >>> from ray_nas.report.analysis.search_results import search_results
        >>> record = ExperimentRecord()
        >>> record.apply(events.ExperimentStarted("RandomSearch", "f00d", {"loss": "min"}, 0))
        >>> for name, loss in {"a": 0.5, "b": 0.7, "c": 0.4}.items():
        ...     record.apply(events.TrialProposed(name, {"depth": 2}, "random", ()))
        ...     record.apply(events.TrialReported(name, {"loss": loss}))
        ...     record.apply(events.TrialEnded(name, "completed"))
        >>> found = best_so_far(search_results(record))
        >>> found.best.tolist(), found.costs.tolist(), found.improvements
        ([0.5, 0.5, 0.4], [1.0, 2.0, 3.0], [0, 2])
    """
    baseline = results.record.baseline
    pairs = zip(results.trials, results.values, strict=True)
    values = {trial.trial_id: float(value) for trial, value in pairs}
    return BestSoFar(
        results,
        np.cumsum(results.costs),
        _running_best(results.sign * results.values) * results.sign,
        values.get(baseline.trial_id, np.nan) if baseline else np.nan,
        random_expectation(results),
    )


def random_expectation(results: SearchResults) -> RandomExpectation | None:
    """What random search finds, estimated from the random trials of a search.

    Args:
        results: The trials; those with the move "random" count, with those that failed.

    Returns:
        None with fewer than 5 usable random trials.
    """
    is_random = np.array([trial.move == "random" for trial in results.trials], dtype=bool)
    values = results.values[is_random & results.is_usable] * results.sign
    if len(values) < MIN_RANDOM:
        return None
    numbers = np.unique(np.geomspace(1, len(values), _POINTS).round())
    mean, low, high = expected_best(values, numbers)
    low, high = (high, low) if results.sign < 0 else (low, high)
    cost = results.costs[is_random].sum() / len(values)  # those that failed are paid too
    return RandomExpectation(
        numbers,
        numbers * cost,
        mean * results.sign,
        low * results.sign,
        high * results.sign,
        len(values),
    )


def expected_best(values: Array, numbers: Array) -> tuple[Array, Array, Array]:
    """The best of n values drawn from m without replacement.

    Args:
        values: Shape (m,); larger is better.
        numbers: Each n, from 1 to m, shape (points,).

    Returns:
        Mean, 5 % and 95 % quantile, each of shape (points,).

    Example:
        >>> import numpy as np
        >>> mean, low, high = expected_best(np.array([0.0, 1.0]), np.array([1, 2]))
        >>> mean.round(9).tolist(), high.tolist()
        ([0.5, 1.0], [1.0, 1.0])
    """
    ordered = np.sort(values)
    count = len(ordered)
    found = []
    for number in numbers.astype(int).tolist():
        candidates = ordered[number - 1 :]
        below = np.arange(number - 1, count)
        chances = np.exp(_log_choose(below, number - 1) - _log_choose(np.array(count), number))
        chances /= chances.sum()
        reached = np.cumsum(chances)
        low, high = np.searchsorted(reached, [0.05, 0.95]).clip(max=len(candidates) - 1)
        found.append((float(chances @ candidates), candidates[low], candidates[high]))
    mean, low, high = np.array(found, dtype=np.float64).T
    return mean, low, high


def _log_choose(total: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", number: int) -> Array:
    """The logarithm of the number of subsets."""
    return np.asarray(gammaln(total + 1) - gammaln(number + 1) - gammaln(total - number + 1))


def _running_best(values: Array) -> Array:
    """The largest value so far; NaN before the first finite one."""
    best = np.fmax.accumulate(values) if len(values) else values
    return np.asarray(best, dtype=np.float64)
