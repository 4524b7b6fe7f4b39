"""Learning curves: how a trial will end, from how it began."""

from ray_nas.estimators.curves.codes import config_encoder
from ray_nas.estimators.curves.combination import CurveForecaster
from ray_nas.estimators.curves.families import FamilyPosterior, fit_families
from ray_nas.estimators.curves.regression import MIN_CURVES, Curve, CurveRegression

__all__ = ["MIN_CURVES", "Curve", "CurveForecaster", "CurveRegression", "FamilyPosterior", "config_encoder", "fit_families"]
