import numpy as np
import pytest

from ray_nas.estimators.arrays import Array
from ray_nas.report.evidence.signal_test import fisher_interval, normal_scores, signal_test
from ray_nas.report.evidence.trial_features import kernel


def climbing_search(rng: np.random.Generator, slope: float, count: int = 60) -> tuple[Array, Array]:
    """Each config is near the best so far, as in an evolution; the noise's spread is 1."""
    points, results = [rng.standard_normal(4)], [rng.standard_normal()]
    for place in range(1, count):
        best = points[int(np.argmax(results))]
        new = rng.standard_normal(4) if place < 15 else best + 0.3 * rng.standard_normal(4)
        points.append(new)
        results.append(slope * new.sum() + rng.standard_normal())
    columns = (np.array(points) - np.mean(points, axis=0)) / np.std(points, axis=0)
    return kernel({str(place): columns[:, [place]] for place in range(4)}), np.array(results)


def test_noise_is_seldom_taken_for_signal_although_the_search_follows_it() -> None:
    rng = np.random.default_rng(0)
    chances = [signal_test(*climbing_search(rng, 0.0)).p_value for _ in range(200)]
    assert np.mean(np.array(chances) < 0.05) <= 0.09  # 18 of 200; 10 are expected


def test_a_signal_is_found() -> None:
    rng = np.random.default_rng(0)
    found = [signal_test(*climbing_search(rng, 1.0)) for _ in range(20)]
    assert sum(one.p_value < 0.05 for one in found) >= 18
    assert np.mean([one.correlation.value for one in found]) > 0.4


def test_a_drift_of_the_level_is_no_signal() -> None:
    """Late configs differ from early ones, and late results are better for another reason."""
    rng = np.random.default_rng(0)
    wrong = {True: 0, False: 0}
    for _ in range(60):
        time = np.linspace(-1.7, 1.7, 80)
        similarity = kernel({"a": (time + 0.3 * rng.standard_normal(80))[:, None]})
        quality = time + rng.standard_normal(80)
        for drifts in wrong:
            wrong[drifts] += signal_test(similarity, quality, drifts=drifts).p_value < 0.05
    assert wrong[False] > 50
    assert wrong[True] <= 8


def test_scores_share_ties_and_intervals_shrink_with_the_number_of_pairs() -> None:
    assert normal_scores(np.array([1.0, 1.0, 1.0])) == pytest.approx([0, 0, 0])
    assert fisher_interval(0.5, 400).low > fisher_interval(0.5, 20).low
    assert fisher_interval(1.0, 10).high <= 1
