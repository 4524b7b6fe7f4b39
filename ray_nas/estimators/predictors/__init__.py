"""Models that predict a score from an architecture."""

from ray_nas.estimators.predictors.acquisition import log_expected_improvement
from ray_nas.estimators.predictors.gaussian_process import GaussianProcess, Posterior
from ray_nas.estimators.predictors.prior_mean import (
    PriorMean,
    fit_prior_mean,
    parameter_count_prior,
)
from ray_nas.estimators.predictors.score_extrapolation import final_scores
from ray_nas.estimators.predictors.score_scale import standardize_scores

__all__ = [
    "GaussianProcess",
    "Posterior",
    "PriorMean",
    "final_scores",
    "fit_prior_mean",
    "log_expected_improvement",
    "parameter_count_prior",
    "standardize_scores",
]
