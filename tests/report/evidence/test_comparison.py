import numpy as np
import pytest
from small_searches import noise, retraining, search, signal

from ray_nas.report.evidence import Evidence
from ray_nas.report.evidence.comparison import InSearch, Retrained, in_search, retrained
from ray_nas.retraining.results import RetrainedTrial, Retraining


def test_the_winner_of_noise_is_shrunk_to_nothing() -> None:
    gains = []
    for seed in range(10):
        found = in_search(Evidence(search(noise, baseline=True, seed=seed)))
        assert isinstance(found, InSearch)
        gains.append((found.seen, found.corrected.gain.value, found.corrected.gain.low > 0))
    seen, corrected, claimed = np.array(gains).T
    assert seen.mean() > 1
    assert abs(corrected.mean()) < 0.5
    assert claimed.sum() <= 1


def test_a_real_gain_is_seen() -> None:
    found = in_search(Evidence(search(signal, baseline=True, seed=3)))
    assert isinstance(found, InSearch)
    assert found.reference == "the baseline"
    assert found.corrected.gain.low > 0
    assert found.explained > 0.5


def test_without_a_baseline_the_typical_random_trial_is_beaten() -> None:
    found = in_search(Evidence(search(signal)))
    assert isinstance(found, InSearch)
    assert found.reference == "a typical random trial"


def test_retraining_pools_the_spread_of_seeds() -> None:
    found = retrained(retraining([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]))
    assert isinstance(found, Retrained)
    half = 2.776 * (2 / 3) ** 0.5
    assert found.gain == pytest.approx((2, 2 - half, 2 + half), abs=1e-3)
    assert found.is_held_out


def test_a_minimised_metric_gains_when_it_falls() -> None:
    one = retraining([1.0, 1.1], [2.0, 2.1])
    found = retrained(Retraining(one.trials, "loss", "min", "test_accuracy", "t1"))
    assert isinstance(found, Retrained)
    assert found.gain.value == pytest.approx(1)


def test_seeds_without_spread_decide() -> None:
    found = retrained(retraining([1.0, 1.0], [0.0, 0.0]))
    assert isinstance(found, Retrained)
    assert (found.gain.low, found.p_value) == (1, 0)


@pytest.mark.parametrize(
    ("winner", "baseline", "why"),
    [
        ([], [1.0, 2.0], "no retraining of the winner"),
        ([1.0], [2.0], "one seed each"),
        ([1.0, float("nan")], [2.0], "one seed each"),
        ([1.0, 2.0], [], "no baseline"),
    ],
)
def test_too_little_retraining_says_why(
    winner: list[float], baseline: list[float], why: str
) -> None:
    found = retrained(retraining(winner, baseline))
    assert isinstance(found, str)
    assert why in found


def test_failed_retrainings_do_not_count() -> None:
    whole = retraining([3.0, 4.0], [1.0, 2.0])
    failed = RetrainedTrial("t1", {}, 9, {"test_accuracy": -99.0}, "out of memory")
    found = retrained(Retraining([*whole.trials, failed], "accuracy", "max", "test_accuracy", "t1"))
    assert isinstance(found, Retrained)
    assert found.seeds == (2, 2)
