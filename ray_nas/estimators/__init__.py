"""Estimators: how good or how costly an architecture is, without training it fully."""

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
from ray_nas.estimators.fidelity import Fidelity, FidelityReport, fidelity_report
from ray_nas.estimators.predictors import (
    GaussianProcess,
    Posterior,
    PriorMean,
    final_scores,
    fit_prior_mean,
    log_expected_improvement,
    parameter_count_prior,
    standardize_scores,
)

__all__ = [
    "MIN_CURVES",
    "Cost",
    "CostFunction",
    "Curve",
    "CurveForecaster",
    "CurveRegression",
    "FamilyPosterior",
    "Fidelity",
    "FidelityReport",
    "GaussianProcess",
    "MakeOptimizer",
    "Posterior",
    "PriorMean",
    "config_encoder",
    "cost_function",
    "fidelity_report",
    "final_scores",
    "fit_families",
    "fit_prior_mean",
    "log_expected_improvement",
    "parameter_count_prior",
    "profile",
    "standardize_scores",
]
