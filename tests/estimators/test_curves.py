"""Curve models on curves whose ends are known."""

import math

import numpy as np
import pytest

from ray_nas.estimators.curves import (
    MIN_CURVES,
    CurveForecaster,
    CurveRegression,
    config_encoder,
    fit_families,
)

TIMES = np.arange(1, 51.0)


def rising(n: int = 80, noise: float = 0.005):
    """Curves whose asymptote is the first entry of the code, and whose speed is nobody's to
    know.
    """
    rng = np.random.default_rng(1)
    codes = rng.random((n, 3))
    speed = rng.uniform(3, 12, n)
    values = (0.4 + 0.5 * codes[:, :1]) * (
        1 - np.exp(-TIMES / speed[:, None])
    ) + noise * rng.standard_normal((n, len(TIMES)))
    return codes, values


def as_curves(values, upto: int = len(TIMES)):
    return [list(zip(TIMES[:upto].tolist(), row[:upto].tolist(), strict=True)) for row in values]


def test_families_cover_the_end_and_narrow_with_what_is_seen():
    _, values = rising()
    widths = []
    for seen in (5, 15, 40):
        posterior = fit_families(TIMES, np.where(seen >= TIMES, values, np.nan), 50.0)
        mean, variance = posterior.forecast(50.0)
        z = (values[:, -1] - mean) / np.sqrt(variance)
        assert np.mean(np.abs(z) < 1.645) > 0.75
        widths.append(np.sqrt(variance).mean())
    assert widths[0] > widths[1] > widths[2]


def test_samples_of_families_agree_with_their_moments():
    _, values = rising(4)
    posterior = fit_families(TIMES, np.where(TIMES <= 10, values, np.nan), 50.0)
    draws = posterior.sample(np.array([20.0, 50.0]), 20_000, np.random.default_rng(0))
    assert draws.shape == (4, 20_000, 2)
    mean, variance = posterior.forecast(50.0)
    assert draws[..., 1].mean(1) == pytest.approx(mean, abs=0.01)
    assert (draws[..., 1].var(1) < variance * 1.1).all()  # without the noise of an observation


def test_family_log_likelihood_is_a_density():
    _, values = rising(2)
    posterior = fit_families(TIMES, np.where(TIMES <= 10, values, np.nan), 50.0)
    grid = np.linspace(-1, 3, 8001)
    mass = np.array([np.exp(posterior.log_likelihood(50.0, np.full(2, x))) for x in grid]).sum(
        0
    ) * (grid[1] - grid[0])
    assert mass == pytest.approx([1, 1], abs=1e-3)


def test_families_know_a_plateau_and_a_fall():
    flat = np.full((1, 50), 0.3)
    falling = 0.8 - 0.4 * (1 - np.exp(-TIMES / 8))[None]
    for values in (flat, falling):
        mean, _ = fit_families(TIMES, np.where(TIMES <= 25, values, np.nan), 50.0).forecast(50.0)
        assert mean[0] == pytest.approx(values[0, -1], abs=0.05)


def test_families_without_a_single_value_give_the_prior():
    mean, variance = fit_families(TIMES, np.full((1, 50), np.nan), 50.0).forecast(50.0)
    assert math.isfinite(mean[0])
    assert variance[0] > 0.05


def test_regression_learns_from_codes_and_from_the_beginning():
    codes, values = rising(160)
    model = CurveRegression(as_curves(values[:80]), codes[:80], 50.0)
    errors = {}
    for seen in (0, 5, 25):
        forecasts = [
            model.forecast(curve, model.baseline(code))
            for curve, code in zip(as_curves(values[80:], seen), codes[80:], strict=True)
        ]
        mean, variance = np.array(forecasts).T
        z = (values[80:, -1] - mean) / np.sqrt(variance)
        assert np.mean(np.abs(z) < 1.645) > 0.75
        errors[seen] = np.std(values[80:, -1] - mean)
    assert errors[0] < 0.5 * values[80:, -1].std()
    assert errors[25] < errors[0]


def test_leave_one_out_is_what_leaving_out_gives():
    """The closed form against a second fit without the curve (length and ridge being chosen
    again).
    """
    codes, values = rising(40)
    curves = as_curves(values)
    model = CurveRegression(curves, codes, 50.0)
    mean, _, truth = model.leave_one_out(0.001)
    assert truth == pytest.approx(values[:, -1])
    without = CurveRegression(curves[1:], codes[1:], 50.0)
    assert mean[0] == pytest.approx(without.forecast([], without.baseline(codes[0]))[0], abs=0.02)


def test_curves_of_another_kind_surprise():
    codes, values = rising(80)
    model = CurveRegression(as_curves(values[:60]), codes[:60], 50.0)
    own = np.median(
        [
            model.surprise(c, model.baseline(x))
            for c, x in zip(as_curves(values[60:], 10), codes[60:], strict=True)
        ]
    )
    other = np.median(
        [
            model.surprise(c, model.baseline(x))
            for c, x in zip(as_curves(values[60:] - 1, 10), codes[60:], strict=True)
        ]
    )
    assert own < 1.5
    assert other > 2.0


def test_regression_bears_diverged_curves_and_gaps():
    codes, values = rising(60)
    curves = as_curves(values)
    curves[3] = [*curves[3][:7], (8.0, math.nan)]
    curves[4] = curves[4][::5] + curves[4][-1:]
    model = CurveRegression(curves, codes, 50.0)
    mean, variance = model.forecast(curves[5][:9:4], model.baseline(codes[5]))
    assert mean == pytest.approx(values[5, -1], abs=0.25)
    assert variance > 0
    assert all(map(math.isfinite, model.forecast([(1.0, math.nan)], model.baseline(codes[5]))))


@pytest.mark.parametrize("model", [CurveRegression, CurveForecaster])
def test_what_was_reported_before_training_is_left_out(model):
    _, values = rising(60)
    code, curves = np.zeros(1), as_curves(values)  # families have their part in it
    late = [[(-1.0, 8.0), (0.0, 7.0), *curve] for curve in curves]
    plain, longer = (model(some, np.zeros((60, 1)), 50.0) for some in (curves, late))
    for seen in (0, 1, 9):
        assert longer.forecast(late[5][: 2 + seen], longer.baseline(code)) == plain.forecast(
            curves[5][:seen], plain.baseline(code)
        )
        assert longer.surprise(late[5][: 2 + seen], longer.baseline(code)) == plain.surprise(
            curves[5][:seen], plain.baseline(code)
        )


def test_too_few_curves_are_refused():
    codes, values = rising(MIN_CURVES - 1)
    with pytest.raises(ValueError, match="at least 20"):
        CurveRegression(as_curves(values), codes, 50.0)


def test_the_better_model_has_the_weight():
    codes, values = rising(80)
    informed = CurveForecaster(as_curves(values), codes, 50.0)
    blind = CurveForecaster(as_curves(values), np.zeros((80, 1)), 50.0)
    assert informed.weights.sum(1) == pytest.approx(np.ones(4))
    assert np.all(informed.weights[:, 0] >= blind.weights[:, 0] - 0.01)
    assert informed.calibrated


def test_forecasts_of_the_combination_cover_the_end():
    codes, values = rising(160)
    model = CurveForecaster(as_curves(values[:80]), codes[:80], 50.0)
    z = []
    for curve, code, end in zip(
        as_curves(values[80:], 8), codes[80:], values[80:, -1], strict=True
    ):
        mean, variance = model.forecast(curve, model.baseline(code))
        z.append((end - mean) / math.sqrt(variance))
    assert np.mean(np.abs(z) < 1.645) > 0.8


def test_what_bad_trials_do_is_not_held_against_good_ones():
    codes, values = rising(240)
    rng = np.random.default_rng(1)
    good = values[:, -1] > np.median(values[:, -1])
    values = (
        values
        + np.where(good, 0.002, 0.2)[:, None]
        * rng.standard_normal((240, 1))
        * np.linspace(0, 1, 50) ** 2
    )
    model = CurveForecaster(as_curves(values[:120]), codes[:120], 50.0)
    z = []
    for curve, code, end in zip(
        as_curves(values[120:], 30), codes[120:], values[120:, -1], strict=True
    ):
        mean, variance = model.forecast(curve, model.baseline(code))
        z.append((end - mean) / math.sqrt(variance))
    assert np.std(np.array(z)[good[120:]]) > 0.45  # .29 if one spread is taken for all


def test_encoder_of_plain_configs():
    encode = config_encoder(
        [
            {"op": "conv", "lr": 0.1, "arch": {"depth": 2}},
            {"op": "pool", "lr": 0.3, "arch": {"depth": 4}},
        ]
    )
    assert encode({"op": "pool", "lr": 0.2, "arch": {"depth": 4}}).tolist() == pytest.approx(
        [0, 1, 1, 0.5]
    )
    assert encode({"op": "unknown", "arch.depth": 2}).tolist() == [0, 0, 0, 0]
