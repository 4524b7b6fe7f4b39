"""Learning curves: how a trial will end, from how it began."""

from ray_nas.estimators.curves.config_encoder import config_encoder
from ray_nas.estimators.curves.curve_forecaster import CurveForecaster
from ray_nas.estimators.curves.curve_regression import MIN_CURVES, Curve, CurveRegression
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
