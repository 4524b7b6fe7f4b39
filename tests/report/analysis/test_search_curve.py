"""Best so far equals pandas; the expectation of random search equals all its subsets."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from made_record import evolved_trials, made_record

from ray_nas.report.analysis.search_curve import (
    best_so_far,
    expected_best,
    random_expectation,
)
from ray_nas.report.analysis.search_results import search_results


@pytest.mark.parametrize("mode", ["max", "min"])
def test_best_so_far_equals_pandas(mode: str) -> None:
    record = made_record(evolved_trials(), {"accuracy": mode})
    frame = pd.DataFrame(
        {
            "value": trial.metrics["accuracy"] if trial.status == "completed" else np.nan,
            "seconds": trial.metrics["time_total_s"],
        }
        for trial in record.trials.values()
    )
    best = frame["value"].cummax() if mode == "max" else frame["value"].cummin()
    found = best_so_far(search_results(record))
    np.testing.assert_allclose(found.best, best.ffill())
    np.testing.assert_allclose(found.costs, frame["seconds"].cumsum())
    assert found.improvements == frame.index[best.ffill().diff().fillna(1) != 0].tolist()
    assert found.baseline == frame["value"][0]


def test_expected_best_is_the_mean_over_all_subsets() -> None:
    values = np.array([0.3, 0.1, 0.9, 0.4, 0.4, 0.7])
    mean, low, high = expected_best(values, np.arange(1, 7))
    for number in range(1, 7):
        bests = [max(subset) for subset in combinations(values.tolist(), number)]
        assert mean[number - 1] == pytest.approx(np.mean(bests))
        below = np.mean([best <= low[number - 1] for best in bests])
        assert below >= 0.05
        assert np.mean([best <= high[number - 1] for best in bests]) >= 0.95 - 1e-9


def test_the_expectation_holds_on_fresh_random_searches() -> None:
    """Unbiased: over many searches, it is the mean best of so many draws."""
    rng = np.random.default_rng(0)
    expected, drawn = [], []
    for _ in range(300):
        values = rng.normal(size=12)
        expected.append(expected_best(values, np.array([4]))[0][0])
        drawn.append(rng.normal(size=4).max())
    error = np.std(drawn) / np.sqrt(300) + np.std(expected) / np.sqrt(300)
    assert abs(np.mean(expected) - np.mean(drawn)) < 3 * error


def test_a_minimised_metric_has_low_below_high() -> None:
    record = made_record([{"reports": [{"loss": float(number)}]} for number in range(20)])
    found = random_expectation(search_results(record))
    assert found is not None
    assert (found.low <= found.high).all()
    assert found.mean[0] == pytest.approx(9.5)
    assert found.mean[-1] == 0.0


def test_failed_random_trials_are_paid_for() -> None:
    good = [{"reports": [{"loss": 1.0}]} for _ in range(6)]
    bad = [{"reports": [{"loss": 1.0}], "status": "error"} for _ in range(6)]
    found = random_expectation(search_results(made_record([*good, *bad])))
    assert found is not None
    assert (found.seen, found.costs[0]) == (6, 2.0)


def test_few_random_trials_say_nothing() -> None:
    assert random_expectation(search_results(made_record([{}] * 4))) is None
