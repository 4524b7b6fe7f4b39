"""Cutoffs at rungs, and their saved state."""

import json

import numpy as np
import pytest

from ray_nas.schedulers.core.rung_values import RungValues
from ray_nas.schedulers.core.rungs import RungLevels


@pytest.fixture
def values() -> RungValues:
    values = RungValues(RungLevels(1, 9, 3))
    for index, value in enumerate((0.3, 0.1, 0.7, 0.5)):
        values.record(0, f"t{index}", value)
    return values


def test_the_cutoff_is_the_quantile_of_the_values(values: RungValues) -> None:
    assert values.cutoff(0) == np.quantile([0.3, 0.1, 0.7, 0.5], (1 - 1 / 3) * 100 / 100)
    assert values.cutoff(1) is None


def test_a_trial_is_compared_once_at_each_rung(values: RungValues) -> None:
    assert values.reached(4, "t0") == 1
    values.record(1, "t0", 0.4)
    assert values.reached(4, "t0") is None
    assert values.reached(4, "new") == 1


def test_removed_trials_do_not_count(values: RungValues) -> None:
    values.remove({"t0", "t1", "unknown"})
    assert values.cutoff(0) == np.quantile([0.7, 0.5], (1 - 1 / 3) * 100 / 100)


def test_the_state_survives_json(values: RungValues) -> None:
    restored = RungValues(RungLevels(1, 9, 3))
    restored.set_state(json.loads(json.dumps(values.get_state())))
    assert restored.get_state() == values.get_state()
    assert restored.cutoff(0) == values.cutoff(0)
