"""Forecasts of both curve models together."""

import math

import numpy as np
import pytest

from ray_nas.estimators.curves import CurveForecaster, CurveRegression


@pytest.mark.parametrize("model", [CurveRegression, CurveForecaster])
def test_what_was_reported_before_training_is_left_out(model, rising, as_curves):
    _, values = rising(60)
    encoding, curves = np.zeros(1), as_curves(values)  # families have their part in it
    late = [[(-1.0, 8.0), (0.0, 7.0), *curve] for curve in curves]
    plain, longer = (model(some, np.zeros((60, 1)), 50.0) for some in (curves, late))
    for seen in (0, 1, 9):
        assert longer.forecast(late[5][: 2 + seen], longer.baseline(encoding)) == plain.forecast(
            curves[5][:seen], plain.baseline(encoding)
        )
        assert longer.surprise(late[5][: 2 + seen], longer.baseline(encoding)) == plain.surprise(
            curves[5][:seen], plain.baseline(encoding)
        )


def standard_scores(model, curves, encodings, ends):
    """How far each end lies from its forecast, in standard deviations."""
    scores = []
    for curve, encoding, end in zip(curves, encodings, ends, strict=True):
        mean, variance = model.forecast(curve, model.baseline(encoding))
        scores.append((end - mean) / math.sqrt(variance))
    return np.array(scores)


def test_the_better_model_has_the_weight(rising, as_curves):
    encodings, values = rising(80)
    informed = CurveForecaster(as_curves(values), encodings, 50.0)
    blind = CurveForecaster(as_curves(values), np.zeros((80, 1)), 50.0)
    assert informed.weights.sum(1) == pytest.approx(np.ones(4))
    assert np.all(informed.weights[:, 0] >= blind.weights[:, 0] - 0.01)
    assert informed.calibrated


def test_forecasts_of_the_combination_cover_the_end(rising, as_curves):
    encodings, values = rising(160)
    model = CurveForecaster(as_curves(values[:80]), encodings[:80], 50.0)
    z = standard_scores(model, as_curves(values[80:], 8), encodings[80:], values[80:, -1])
    assert np.mean(np.abs(z) < 1.645) > 0.8


def test_what_bad_trials_do_is_not_held_against_good_ones(rising, as_curves):
    encodings, values = rising(240)
    rng = np.random.default_rng(1)
    good = values[:, -1] > np.median(values[:, -1])
    values = (
        values
        + np.where(good, 0.002, 0.2)[:, None]
        * rng.standard_normal((240, 1))
        * np.linspace(0, 1, 50) ** 2
    )
    model = CurveForecaster(as_curves(values[:120]), encodings[:120], 50.0)
    z = standard_scores(model, as_curves(values[120:], 30), encodings[120:], values[120:, -1])
    assert np.std(z[good[120:]]) > 0.45  # .29 if one spread is taken for all
