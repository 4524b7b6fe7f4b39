import json

import numpy as np

from ray_nas.searchers.models.trial_results import TrialResults, merits, representative


def test_a_retried_trial_overwrites_its_reports() -> None:
    results = TrialResults()
    results.fail("a")
    for time, value in ((1.0, 0.1), (2.0, 0.2), (1.0, 0.3), (None, 0.4)):
        results.report("a", time, (value,))
    assert results.curves == {"a": [(1.0, 0.4)]}
    assert results.failed == []


def test_failed_and_limit_breaking_trials_are_at_the_bottom() -> None:
    results = TrialResults()
    for trial_id, value, violation in (("a", 0.5, 0.0), ("b", 0.7, 0.0), ("c", 0.9, 1.0)):
        results.report(trial_id, 1.0, (value, -value), violation)
    results.fail("d")
    targets = [results.targets(objective) for objective in (0, 1)]
    assert np.argsort(targets[0].values)[2:].tolist() == [0, 1]
    assert targets[0].values[3] == targets[0].values.min()
    assert merits(targets[:1]) is targets[0].values
    assert merits(targets).shape == (4,)


def test_state_goes_through_json() -> None:
    results = TrialResults()
    results.report("a", 1.0, (0.5,), 2.0)
    results.fail("b")
    restored = TrialResults()
    restored.set_state(json.loads(json.dumps(results.get_state())))
    assert restored == results


def test_half_are_the_best_and_the_others_span_all_times() -> None:
    values = np.arange(100.0)[::-1]
    chosen = representative(values, 10)
    assert chosen[:5] == [0, 1, 2, 3, 4]
    assert chosen[5] == 5
    assert chosen[-1] == 99
    assert representative(values[:3], 10) == [0, 1, 2]
