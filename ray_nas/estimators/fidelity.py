"""How far a short training tells what a long one would: rank correlation of every rung with the
end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ray_nas.record import ExperimentRecord, load

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fidelity:
    """The rank correlation (Spearman) of a rung with the end, over the trials that reached both."""

    time: float
    trials: int
    correlation: float
    """NaN with fewer than 4 trials."""
    low: float
    """Lower end of the 90 % interval (bootstrap over trials)."""
    high: float


@dataclass(frozen=True)
class FidelityReport:
    """What `fidelity_report` finds. `str` of it is a table."""

    metric: str
    max_t: float
    rungs: list[Fidelity]

    def __str__(self) -> str:
        lines = [f"Rank correlation with {self.metric} at {self.max_t:g} (90 % interval)"]
        for rung in self.rungs:
            lines.append(
                f"{rung.time:>8g}  {rung.correlation:5.2f}  [{rung.low:5.2f}, {rung.high:5.2f}]  {rung.trials} trials"
            )
        return "\n".join(lines)


def fidelity_report(
    experiment: ExperimentRecord | str | Path,
    *,
    time_attr: str,
    rungs: Sequence[float] | None = None,
    max_t: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> FidelityReport:
    """The rank correlation between each rung and full length: was it safe to stop early?

    Only trials that were trained to the end can tell. Where a scheduler has stopped the others
    these are the better ones, among which ranks are harder to foretell: the figure is then a lower
    bound of what holds for all.

    Args:
        experiment: A record or its folder.
        time_attr: The reported figure that counts the budget.
        rungs: The times to look at; None takes max_t / 3, / 9, ... down to the first report.
        max_t: Full length; None takes the longest in the record.
        resamples: Bootstrap samples.
        seed: Of the bootstrap.

    Raises:
        ValueError: No trial reported `time_attr`, or none reached `max_t`.
    """
    record = experiment if isinstance(experiment, ExperimentRecord) else load(experiment)
    metric, _ = next(iter(record.objectives.items()))
    curves = [
        [
            (float(time), float(value))
            for time, value in trial.curve(time_attr, metric)
            if math.isfinite(value)
        ]
        for trial in record.trials.values()
    ]
    curves = [curve for curve in curves if curve]
    if not curves:
        raise ValueError(
            f"time_attr = {time_attr!r} and {metric!r} stand together in no report of the record"
        )
    full = max_t if max_t is not None else max(curve[-1][0] for curve in curves)
    finished = [curve for curve in curves if curve[-1][0] >= full]
    if not finished:
        raise ValueError(
            f"max_t = {full:g} was reached by no trial; the longest has {max(curve[-1][0] for curve in curves):g}"
        )
    first = min(curve[0][0] for curve in finished)
    if rungs is None:
        rungs = sorted(full / 3**k for k in range(1, 12) if full / 3**k >= first)
    rng = np.random.default_rng(seed)
    end = [_value_at(curve, full) for curve in finished]
    return FidelityReport(
        metric, full, [_fidelity(rung, finished, end, rng, resamples) for rung in rungs]
    )


def _fidelity(
    rung: float,
    curves: Sequence[list[tuple[float, float]]],
    end: Sequence[float],
    rng: np.random.Generator,
    resamples: int,
) -> Fidelity:
    pairs = np.array(
        [
            (_value_at(curve, rung), last)
            for curve, last in zip(curves, end, strict=True)
            if curve[0][0] <= rung
        ]
    )
    if len(pairs) < 4:
        return Fidelity(rung, len(pairs), math.nan, math.nan, math.nan)
    drawn = [_spearman(pairs[rng.integers(len(pairs), size=len(pairs))]) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.05, 0.95])
    return Fidelity(rung, len(pairs), _spearman(pairs), float(low), float(high))


def _value_at(curve: list[tuple[float, float]], time: float) -> float:
    """The latest value reported by then."""
    return [value for t, value in curve if t <= time][-1]


def _spearman(pairs: Floats) -> float:
    x, y = rankdata(pairs[:, 0]), rankdata(pairs[:, 1])
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else math.nan
