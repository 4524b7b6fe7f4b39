"""The regression on curves whose ends are known."""

import math

import numpy as np
import pytest

from ray_nas.estimators.curves import (
    MIN_CURVES,
    CurveRegression,
)


def test_regression_learns_from_encodings_and_from_the_beginning(rising, as_curves):
    encodings, values = rising(160)
    model = CurveRegression(as_curves(values[:80]), encodings[:80], 50.0)
    errors = {}
    for seen in (0, 5, 25):
        forecasts = [
            model.forecast(curve, model.baseline(encoding))
            for curve, encoding in zip(as_curves(values[80:], seen), encodings[80:], strict=True)
        ]
        mean, variance = np.array(forecasts).T
        z = (values[80:, -1] - mean) / np.sqrt(variance)
        assert np.mean(np.abs(z) < 1.645) > 0.75
        errors[seen] = np.std(values[80:, -1] - mean)
    assert errors[0] < 0.5 * values[80:, -1].std()
    assert errors[25] < errors[0]


def test_leave_one_out_is_what_leaving_out_gives(rising, as_curves):
    """The closed form equals a second fit without the curve, with length and ridge refitted."""
    encodings, values = rising(40)
    curves = as_curves(values)
    model = CurveRegression(curves, encodings, 50.0)
    mean, _, truth = model.leave_one_out(0.001)
    assert truth == pytest.approx(values[:, -1])
    without = CurveRegression(curves[1:], encodings[1:], 50.0)
    assert mean[0] == pytest.approx(
        without.forecast([], without.baseline(encodings[0]))[0], abs=0.02
    )


def test_curves_of_another_kind_surprise(rising, as_curves):
    encodings, values = rising(80)
    model = CurveRegression(as_curves(values[:60]), encodings[:60], 50.0)
    own = np.median(
        [
            model.surprise(c, model.baseline(x))
            for c, x in zip(as_curves(values[60:], 10), encodings[60:], strict=True)
        ]
    )
    other = np.median(
        [
            model.surprise(c, model.baseline(x))
            for c, x in zip(as_curves(values[60:] - 1, 10), encodings[60:], strict=True)
        ]
    )
    assert own < 1.5
    assert other > 2.0


def test_regression_bears_diverged_curves_and_gaps(rising, as_curves):
    encodings, values = rising(60)
    curves = as_curves(values)
    curves[3] = [*curves[3][:7], (8.0, math.nan)]
    curves[4] = curves[4][::5] + curves[4][-1:]
    model = CurveRegression(curves, encodings, 50.0)
    mean, variance = model.forecast(curves[5][:9:4], model.baseline(encodings[5]))
    assert mean == pytest.approx(values[5, -1], abs=0.25)
    assert variance > 0
    assert all(map(math.isfinite, model.forecast([(1.0, math.nan)], model.baseline(encodings[5]))))


def test_too_few_curves_are_refused(rising, as_curves):
    encodings, values = rising(MIN_CURVES - 1)
    with pytest.raises(ValueError, match="at least 20"):
        CurveRegression(as_curves(values), encodings, 50.0)
