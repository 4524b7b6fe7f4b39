"""Which estimates ranked architectures like their final results? Scores, predictors and rungs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ray_nas.estimators.arrays import Array
from ray_nas.estimators.correlation import (
    MIN_PAIRS,
    Estimate,
    RankCorrelation,
    rank_correlation,
)
from ray_nas.estimators.curves.config_encoder import config_encoder
from ray_nas.estimators.curves.curve import value_at
from ray_nas.estimators.fidelity import default_rungs
from ray_nas.estimators.final_results import FinalResults, final_results
from ray_nas.estimators.predictors import (
    GaussianProcessPredictor,
    GradientBoosting,
    Predictor,
    RandomForest,
    cross_validated_rank_correlation,
    join_columns,
)
from ray_nas.estimators.predictors.cross_validation import MIN_SCORED
from ray_nas.estimators.report_table import EstimatorReport, Kind, ReportRow
from ray_nas.estimators.score_columns import (
    Score,
    ScoreColumn,
    given_column,
    known_values,
    recorded_columns,
)
from ray_nas.record import ExperimentRecord, TrialRecord, load
from ray_nas.spaces.core.search_space import SearchSpace

_PARAMS: Final = "params"
_NOTHING: Final = Estimate(math.nan, math.nan, math.nan)


def report(
    experiment: ExperimentRecord | str | Path,
    *,
    space: SearchSpace | None = None,
    scores: Mapping[str, Score] | None = None,
    predictors: Mapping[str, Predictor] | None = None,
    time_attr: str = "training_iteration",
    rungs: Sequence[float] | None = None,
    max_t: float | None = None,
    resamples: int = 1000,
    rng: np.random.Generator | None = None,
) -> EstimatorReport:
    """Rank correlation of every score, predictor and rung with an experiment's final results.

    Only trials that reached full length count. Where a scheduler or a score has chosen them, they
    are the better ones, which are harder to rank: a correlation is then a lower bound.

    Args:
        experiment: A record or its folder.
        space: The space that was searched. It gives predictors better features, counts parameters,
            and is passed to scores that are functions. None for the plain values of the configs.
        scores: Name to score, such as a zero-cost proxy: trial id to value, or a function called
            as `score(space, configs)`. They stand beside those in the record, and replace those of
            the same name.
        predictors: Name to predictor, compared by cross-validation, once with the architecture
            alone and once with the scores and the parameter count as further features. None for a
            Gaussian process, a random forest and gradient boosting.
        time_attr: The reported metric that counts the budget.
        rungs: Budgets to compare; None for max_t / 3, / 9, ... down to the first report.
        max_t: Full length; None for the longest in the record.
        resamples: Bootstrap samples.
        rng: Draws folds and resamples; None for a generator with seed 0.

    Raises:
        ValueError: A trial's config is not in the space, a score that is a function has no space or
            returns another number of values, or no trial reached `max_t`.

    Example:
        >>> import tempfile
        >>> from ray_nas.searchers import RandomSearch
        >>> from ray_nas.simulation import simulate
        >>> from ray_nas.spaces import NASBench201
        >>> def train(config):
        ...     convolutions = sum("conv" in operation for operation in config.values())
        ...     for epoch in range(1, 4):
        ...         yield 1.0, {"accuracy": convolutions * epoch, "epoch": epoch}
        >>> searcher = RandomSearch(NASBench201(), "accuracy", "max", seed=0)
        >>> history = simulate(train, searcher, max_trials=20)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     searcher.save(f"{folder}/state.json")
        ...     print(report(folder, time_attr="epoch", predictors={}))
        Rank correlation with accuracy (max) at the end of 20 trials, 90 % intervals
                       Spearman              Kendall               params alone  trials
        rung  epoch 1   1.00 [ 1.00,  1.00]   1.00 [ 1.00,  1.00]  -             20
    """
    record = experiment if isinstance(experiment, ExperimentRecord) else load(experiment)
    results = final_results(record, time_attr, max_t)
    configs = _configs(results.trials, space)
    columns = recorded_columns(record, configs, space) | _parameter_counts(configs, space)
    for name, score in (scores or {}).items():
        columns[name] = given_column(name, score, results.trials, configs, space)
    rng = np.random.default_rng(0) if rng is None else rng
    rows = _Rows(results, columns.get(_PARAMS), rng, resamples)
    found = _best_first([rows.score(name, column) for name, column in columns.items()])
    tried = _default_predictors() if predictors is None else predictors
    features = _feature_sets(configs, space, columns)
    found += _best_first(
        [
            rows.predictor(f"{name}{suffix}", predictor, matrix)
            for name, predictor in tried.items()
            for suffix, matrix in features.items()
        ]
    )
    if results.curves:
        times = default_rungs(results.curves, results.full) if rungs is None else rungs
        found += [rows.rung(time_attr, time) for time in times]
    return EstimatorReport(results.metric, results.mode, len(results.trials), found, results.notes)


@dataclass(frozen=True)
class _Rows:
    """Makes the rows of a report."""

    results: FinalResults
    params: ScoreColumn | None
    rng: np.random.Generator
    resamples: int

    def score(self, name: str, column: ScoreColumn) -> ReportRow:
        row = self._row("score", name, column)
        return replace(row, baseline=None) if name == _PARAMS else row

    def rung(self, time_attr: str, time: float) -> ReportRow:
        sign = 1.0 if self.results.mode == "max" else -1.0
        values = [value_at(curve, time) for curve in self.results.curves]
        column = known_values([None if value is None else sign * value for value in values])
        return self._row("rung", f"{time_attr} {time:g}", column)

    def predictor(self, name: str, predictor: Predictor, features: Array) -> ReportRow:
        quality = self.results.quality
        if len(quality) < MIN_SCORED:
            nothing = RankCorrelation(len(quality), _NOTHING, _NOTHING)
            note = f"needs {MIN_SCORED} trials"
            return ReportRow("predictor", name, nothing, note=note)
        found = cross_validated_rank_correlation(
            predictor, features, quality, self.rng, resamples=self.resamples
        )
        baseline = self._baseline(np.full(len(quality), True))
        return ReportRow("predictor", name, found, baseline, note=_note(found))

    def _row(self, kind: Kind, name: str, column: ScoreColumn) -> ReportRow:
        chosen = column.is_known
        found = self._correlation(column, chosen)
        non_finite = int((~np.isfinite(column.values[chosen])).sum())
        return ReportRow(kind, name, found, self._baseline(chosen), non_finite, _note(found))

    def _baseline(self, chosen: npt.NDArray[np.bool_]) -> RankCorrelation | None:
        if self.params is None:
            return None
        return self._correlation(self.params, chosen & self.params.is_known)

    def _correlation(self, column: ScoreColumn, chosen: npt.NDArray[np.bool_]) -> RankCorrelation:
        """What is not finite ranks last."""
        values = np.where(np.isfinite(column.values), column.values, -math.inf)[chosen]
        quality = self.results.quality[chosen]
        return rank_correlation(values, quality, self.rng, resamples=self.resamples)


def _note(found: RankCorrelation) -> str:
    if not math.isnan(found.spearman.value):
        return ""
    return f"needs {MIN_PAIRS} trials" if found.pairs < MIN_PAIRS else "all values are equal"


def _best_first(rows: list[ReportRow]) -> list[ReportRow]:
    """NaN last."""
    return sorted(rows, key=lambda row: np.nan_to_num(-row.correlation.spearman.value, nan=2.0))


# The trials' side: configs, scores and features.


def _configs(trials: Sequence[TrialRecord], space: SearchSpace | None) -> list[dict[str, Any]]:
    if space is None:
        return [trial.config for trial in trials]
    configs = [space.own_parameters(trial.config) for trial in trials]
    for trial, config in zip(trials, configs, strict=True):
        try:
            space.validate(config)
        except ValueError as error:
            raise ValueError(
                f"space must be the one that was searched; trial {trial.trial_id} is not in it: "
                f"{error}"
            ) from error
    return configs


def _parameter_counts(
    configs: list[dict[str, Any]], space: SearchSpace | None
) -> dict[str, ScoreColumn]:
    """The column of parameter counts; empty where nothing counts them."""
    if space is None:
        return {}
    counts = known_values([space.parameter_count(config) for config in configs])
    return {_PARAMS: counts} if counts.is_known.any() else {}


def _feature_sets(
    configs: list[dict[str, Any]], space: SearchSpace | None, columns: Mapping[str, ScoreColumn]
) -> dict[str, Array]:
    """What predictors see: the architecture, and with scores these too."""
    encode = config_encoder(configs) if space is None else space.features
    architecture = np.array([encode(config) for config in configs])
    if not columns or not configs:
        return {"": architecture}
    measured = {name: column.values.tolist() for name, column in columns.items()}
    return {"": architecture, " + scores": join_columns(architecture, measured)}


def _default_predictors() -> dict[str, Predictor]:
    return {
        "GaussianProcess": GaussianProcessPredictor(),
        "RandomForest": RandomForest(),
        "GradientBoosting": GradientBoosting(),
    }
