"""Learning curves: forecasts of a trial's final value from its first reports."""

from ray_nas.estimators.curves.config_encoder import config_encoder
from ray_nas.estimators.curves.curve import Curve
from ray_nas.estimators.curves.curve_forecaster import CurveForecaster
from ray_nas.estimators.curves.curve_regression import MIN_CURVES, CurveRegression
from ray_nas.estimators.curves.parametric_curves import FamilyPosterior, fit_families

__all__ = [
    "MIN_CURVES",
    "Curve",
    "CurveForecaster",
    "CurveRegression",
    "FamilyPosterior",
    "config_encoder",
    "fit_families",
]
