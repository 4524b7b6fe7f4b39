"""Interval estimates for benchmark tables, and how they are printed."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

Z90: Final = 1.645
"""Half width of a two-sided 90 % interval, in standard errors."""


def bootstrap_interval(
    values: NDArray[Any],
    statistic: Callable[..., Any] = np.mean,
    resamples: int = 2_000,
    rng: np.random.Generator | None = None,
) -> tuple[float, float]:
    """90 % percentile-bootstrap interval of a statistic over seeds.

    Args:
        values: One value per seed, shape (seeds,).
        statistic: Called as `statistic(resampled, axis=-1)`, e.g. `np.median`.
        resamples: Number of bootstrap resamples.
        rng: Source of the resamples; a fresh generator with seed 0 by default.

    Returns:
        The 5 % and the 95 % quantile of the statistic over the resamples.
    """
    rng = rng or np.random.default_rng(0)
    resampled = statistic(rng.choice(values, (resamples, len(values))), axis=-1)
    low, high = np.quantile(resampled, (0.05, 0.95))
    return float(low), float(high)


def with_bootstrap_interval(
    values: NDArray[Any], statistic: Callable[..., Any] = np.mean, resamples: int = 2_000
) -> list[float]:
    """A statistic over seeds, followed by the ends of its `bootstrap_interval`."""
    estimate = float(statistic(values, axis=-1))
    return [estimate, *bootstrap_interval(values, statistic, resamples)]


def interquartile_mean(values: NDArray[Any], axis: int = -1) -> Any:
    """Mean of the middle half of the values along an axis."""
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, -1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(-1)


def normal_interval(values: ArrayLike) -> list[float]:
    """Mean and half width of its 90 % interval (normal approximation), to four digits."""
    values = np.asarray(values, dtype=float)
    half_width = Z90 * values.std(ddof=1) / np.sqrt(len(values))
    return [round(float(values.mean()), 4), round(float(half_width), 4)]


def student_half_width(values: Sequence[float]) -> float:
    """Half width of the 95 % interval of the mean (Student's t); infinite for a single value."""
    count = len(values)
    if count < 2:
        return float("inf")
    return float(student.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))


def format_interval(estimate: float, low: float, high: float, digits: str = ".3g") -> str:
    """An estimate and its interval as `estimate [low, high]`."""
    return f"{estimate:{digits}} [{low:{digits}}, {high:{digits}}]"
