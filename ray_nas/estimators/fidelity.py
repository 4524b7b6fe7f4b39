"""Do short trainings rank architectures like long ones? Rank correlation of rungs and ends."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ray_nas import notebook_html
from ray_nas.estimators.correlation import rank_correlation
from ray_nas.estimators.curves.curve import Curve, value_at
from ray_nas.record import ExperimentRecord, TrialRecord, load


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

    def _repr_html_(self) -> str:
        """The table, in Jupyter."""
        title, _, lines = str(self).partition("\n")
        return notebook_html.text(title, lines)


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
    full, curves = finished_curves(record.trials.values(), time_attr, metric, max_t)
    rng = np.random.default_rng(seed)
    fidelities = [
        _fidelity(rung, list(curves.values()), full, rng, resamples)
        for rung in (default_rungs(curves.values(), full) if rungs is None else rungs)
    ]
    return FidelityReport(metric, full, fidelities)


def finished_curves(
    trials: Iterable[TrialRecord], time_attr: str, metric: str, max_t: float | None = None
) -> tuple[float, dict[str, Curve]]:
    """The full length, and the finite values over time of each trial that reached it, by trial id.

    Args:
        trials: Those of an experiment.
        time_attr: The reported metric that counts the budget.
        metric: The reported metric that is compared.
        max_t: Full length; None for that of the longest trial.

    Raises:
        ValueError: No trial reported `time_attr` with the metric, or none reached `max_t`.
    """
    curves = _curves(trials, time_attr, metric)
    if not curves:
        raise ValueError(
            f"time_attr must be reported together with {metric!r}, got {time_attr!r}, which no "
            "report in the record has"
        )
    longest = max(curve[-1][0] for curve in curves.values())
    full = longest if max_t is None else max_t
    finished = {trial_id: curve for trial_id, curve in curves.items() if curve[-1][0] >= full}
    if not finished:
        raise ValueError(
            f"max_t must be reached by a trial, got {full:g}; the longest reached {longest:g}"
        )
    return full, finished


def default_rungs(curves: Iterable[Curve], full: float) -> list[float]:
    """A third of the full length, a ninth, and so on, down to the first report of any trial."""
    first = min(curve[0][0] for curve in curves)
    return sorted(full / 3**k for k in range(1, 12) if full / 3**k >= first)


def _curves(trials: Iterable[TrialRecord], time_attr: str, metric: str) -> dict[str, Curve]:
    """The finite values of each trial over time; trials without one are left out."""
    curves = {
        trial.trial_id: [
            (time, value) for time, value in trial.curve(time_attr, metric) if math.isfinite(value)
        ]
        for trial in trials
    }
    return {trial_id: curve for trial_id, curve in curves.items() if curve}


def _fidelity(
    rung: float, curves: Sequence[Curve], full: float, rng: np.random.Generator, resamples: int
) -> Fidelity:
    started = [curve for curve in curves if curve[0][0] <= rung]
    pairs = np.array([(value_at(curve, rung), value_at(curve, full)) for curve in started])
    early, late = pairs.reshape(-1, 2).T
    found = rank_correlation(early, late, rng, resamples=resamples)
    return Fidelity(rung, found.pairs, *found.spearman)
