"""Estimators: how good or how costly an architecture is, without training it fully."""

from ray_nas.estimators.correlation import Estimate, RankCorrelation, rank_correlation
from ray_nas.estimators.cost import Cost, CostFunction, MakeOptimizer, cost_function, profile
from ray_nas.estimators.curves import (
    MIN_CURVES,
    Curve,
    CurveForecaster,
    CurveRegression,
    FamilyPosterior,
    config_encoder,
    fit_families,
)
from ray_nas.estimators.experiment_report import report
from ray_nas.estimators.fidelity import Fidelity, FidelityReport, fidelity_report
from ray_nas.estimators.predictors import (
    GaussianProcess,
    GaussianProcessPredictor,
    GradientBoosting,
    Posterior,
    Prediction,
    Predictor,
    PriorMean,
    RandomForest,
    cross_validated_rank_correlation,
    final_scores,
    fit_prior_mean,
    join_columns,
    log_expected_improvement,
    parameter_count_prior,
    standardize_scores,
)
from ray_nas.estimators.report_table import EstimatorReport, ReportRow
from ray_nas.estimators.score_columns import Score

__all__ = [
    "MIN_CURVES",
    "Cost",
    "CostFunction",
    "Curve",
    "CurveForecaster",
    "CurveRegression",
    "Estimate",
    "EstimatorReport",
    "FamilyPosterior",
    "Fidelity",
    "FidelityReport",
    "GaussianProcess",
    "GaussianProcessPredictor",
    "GradientBoosting",
    "MakeOptimizer",
    "Posterior",
    "Prediction",
    "Predictor",
    "PriorMean",
    "RandomForest",
    "RankCorrelation",
    "ReportRow",
    "Score",
    "config_encoder",
    "cost_function",
    "cross_validated_rank_correlation",
    "fidelity_report",
    "final_scores",
    "fit_families",
    "fit_prior_mean",
    "join_columns",
    "log_expected_improvement",
    "parameter_count_prior",
    "profile",
    "rank_correlation",
    "report",
    "standardize_scores",
]
