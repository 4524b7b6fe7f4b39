"""Ranks of searchers over several tables, with bootstrap intervals over tables and seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_ranks(
    tables: Sequence[Mapping[str, Array]], resamples: int = 2_000
) -> dict[str, tuple[float, float, float]]:
    """Expected rank of a run of each searcher among one run of every other, averaged over tables.

    Rank 1 is best; equal regrets share their ranks. The expectation is over all pairs of runs, so
    searchers may have different numbers of seeds.

    Args:
        tables: For each table, the regrets by searcher, shape (seeds,); all tables have the same
            searchers.
        resamples: Bootstrap resamples; each draws tables, and seeds in each drawn table.

    Returns:
        Mean rank and the ends of its 90 % interval, by name.
    """
    names = list(tables[0])
    rng = np.random.default_rng(0)
    exact, resampled = np.zeros(len(names)), np.zeros((resamples, len(names)))
    drawn = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=resamples)
    for table, times in zip(tables, drawn.T, strict=True):
        runs = [table[name] for name in names]
        seeds = [
            rng.multinomial(len(run), np.full(len(run), 1 / len(run)), resamples) for run in runs
        ]
        exact += _ranks(runs, [np.ones((1, len(run))) for run in runs])[0] / len(tables)
        resampled += times[:, None] * _ranks(runs, seeds) / len(tables)
    low, high = np.quantile(resampled, [0.05, 0.95], axis=0)
    return {
        name: (float(exact[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(names)
    }


def _ranks(runs: Sequence[Array], counts: Sequence[Array]) -> Array:
    """Expected rank of a run of each searcher, with weighted runs.

    Args:
        runs: The regrets of each searcher, shape (seeds,).
        counts: Weight of each run by searcher, shape (resamples, seeds).

    Returns:
        Shape (resamples, searchers).
    """
    regrets = np.concatenate(runs)
    weights = np.hstack([count / count.sum(axis=1, keepdims=True) for count in counts])
    is_worse = (regrets[:, None] > regrets) + 0.5 * (regrets[:, None] == regrets)
    starts = np.cumsum([0] + [len(run) for run in runs[:-1]])
    # A searcher is worse than itself with probability one half, so 0.5 makes the best rank 1.
    ranks: Array = 0.5 + np.add.reduceat(weights * (weights @ is_worse.T), starts, axis=1)
    return ranks
