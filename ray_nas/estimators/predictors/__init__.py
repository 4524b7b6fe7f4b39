"""Models that predict a score from an architecture."""

from ray_nas.estimators.predictors.acquisition import log_expected_improvement
from ray_nas.estimators.predictors.cross_validation import cross_validated_rank_correlation
from ray_nas.estimators.predictors.feature_table import join_columns
from ray_nas.estimators.predictors.gaussian_process import GaussianProcess, Posterior
from ray_nas.estimators.predictors.gradient_boosting import GradientBoosting
from ray_nas.estimators.predictors.predictor import Prediction, Predictor
from ray_nas.estimators.predictors.prior_mean import (
    PriorMean,
    fit_prior_mean,
    parameter_count_prior,
)
from ray_nas.estimators.predictors.process_predictor import GaussianProcessPredictor
from ray_nas.estimators.predictors.random_forest import RandomForest
from ray_nas.estimators.predictors.score_extrapolation import final_scores
from ray_nas.estimators.predictors.score_scale import standardize_scores

__all__ = [
    "GaussianProcess",
    "GaussianProcessPredictor",
    "GradientBoosting",
    "Posterior",
    "Prediction",
    "Predictor",
    "PriorMean",
    "RandomForest",
    "cross_validated_rank_correlation",
    "final_scores",
    "fit_prior_mean",
    "join_columns",
    "log_expected_improvement",
    "parameter_count_prior",
    "standardize_scores",
]
