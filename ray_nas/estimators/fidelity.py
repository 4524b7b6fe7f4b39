"""Do short trainings rank architectures like long ones? Rank correlation of rungs and ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import rankdata

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.curves.curve import Curve, value_at
from ray_nas.record import ExperimentRecord, load

_MIN_TRIALS: Final = 4


@dataclass(frozen=True)
class Fidelity:
    """Rank correlation (Spearman) of one rung with the end, over the trials that reached both.

    Example:
        >>> Fidelity(time=3, trials=2, correlation=math.nan, low=math.nan, high=math.nan).trials
        2
    """

    time: float
    """The rung's budget."""
    trials: int
    """How many trials reached both."""
    correlation: float
    """In [-1, 1]; NaN with fewer than 4 trials."""
    low: float
    """Lower end of the 90 % interval (bootstrap over trials)."""
    high: float
    """Upper end of the 90 % interval."""


@dataclass(frozen=True)
class FidelityReport:
    """The result of `fidelity_report`; printed, it is a table.

    Example:
        >>> print(FidelityReport("accuracy", 9, [Fidelity(3, 40, 0.82, 0.71, 0.9)]))
        Rank correlation with accuracy at 9 (90 % interval)
               3   0.82  [ 0.71,  0.90]  40 trials
    """

    metric: str
    max_t: float
    """Full length."""
    rungs: list[Fidelity]

    def __str__(self) -> str:
        lines = [f"Rank correlation with {self.metric} at {self.max_t:g} (90 % interval)"]
        for rung in self.rungs:
            interval = f"[{rung.low:5.2f}, {rung.high:5.2f}]"
            lines.append(
                f"{rung.time:>8g}  {rung.correlation:5.2f}  {interval}  {rung.trials} trials"
            )
        return "\n".join(lines)


def fidelity_report(
    experiment: ExperimentRecord | str | Path,
    *,
    time_attr: str,
    rungs: Sequence[float] | None = None,
    max_t: float | None = None,
    resamples: int = 1000,
    seed: int | None = None,
) -> FidelityReport:
    """Rank correlation between each rung and full length: was it safe to stop early?

    Only trials that trained to the end count. Where a scheduler has stopped the others, these are
    the better ones, whose ranks are harder to predict: the correlation is then a lower bound.

    Args:
        experiment: A record or its folder.
        time_attr: The reported metric that counts the budget.
        rungs: Budgets to compare; None for max_t / 3, / 9, ... down to the first report.
        max_t: Full length; None for the longest in the record.
        resamples: Bootstrap samples.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: No trial reported `time_attr` with the metric, or none reached `max_t`.

    Example:
        >>> import tempfile
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import NASBench201
        >>> def train(config):
        ...     convolutions = sum("conv" in operation for operation in config.values())
        ...     for epoch in range(1, 10):
        ...         yield 1.0, {"accuracy": convolutions * epoch, "epoch": epoch}
        >>> searcher = RandomSearch(NASBench201(), "accuracy", "max", seed=0)
        >>> history = simulate(train, searcher, max_trials=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     searcher.save(f"{folder}/state.json")
        ...     print(fidelity_report(folder, time_attr="epoch", seed=0))
        Rank correlation with accuracy at 9 (90 % interval)
               1   1.00  [ 1.00,  1.00]  10 trials
               3   1.00  [ 1.00,  1.00]  10 trials
    """
    record = experiment if isinstance(experiment, ExperimentRecord) else load(experiment)
    metric = next(iter(record.objectives))
    curves = _curves(record, time_attr, metric)
    if not curves:
        raise ValueError(
            f"time_attr must be reported together with {metric!r}, got {time_attr!r}, which no "
            "report in the record has"
        )
    longest = max(curve[-1][0] for curve in curves)
    full = longest if max_t is None else max_t
    finished = [curve for curve in curves if curve[-1][0] >= full]
    if not finished:
        raise ValueError(
            f"max_t must be reached by a trial, got {full:g}; the longest reached {longest:g}"
        )
    if rungs is None:
        first = min(curve[0][0] for curve in finished)
        rungs = sorted(full / 3**k for k in range(1, 12) if full / 3**k >= first)
    rng = np.random.default_rng(seed)
    fidelities = [_fidelity(rung, finished, full, rng, resamples) for rung in rungs]
    return FidelityReport(metric, full, fidelities)


def _curves(record: ExperimentRecord, time_attr: str, metric: str) -> list[Curve]:
    """The finite values of each trial over time; trials without one are left out."""
    curves = [
        [(time, value) for time, value in trial.curve(time_attr, metric) if math.isfinite(value)]
        for trial in record.trials.values()
    ]
    return [curve for curve in curves if curve]


def _fidelity(
    rung: float, curves: Sequence[Curve], full: float, rng: np.random.Generator, resamples: int
) -> Fidelity:
    started = [curve for curve in curves if curve[0][0] <= rung]
    pairs = np.array([(value_at(curve, rung), value_at(curve, full)) for curve in started])
    if len(pairs) < _MIN_TRIALS:
        return Fidelity(rung, len(pairs), math.nan, math.nan, math.nan)
    drawn = [_spearman(pairs[rng.integers(len(pairs), size=len(pairs))]) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.05, 0.95])
    return Fidelity(rung, len(pairs), _spearman(pairs), float(low), float(high))


def _spearman(pairs: Array) -> float:
    """Spearman's correlation; NaN for constants, of which scipy's `spearmanr` warns."""
    x, y = rankdata(pairs[:, 0]), rankdata(pairs[:, 1])
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else math.nan
