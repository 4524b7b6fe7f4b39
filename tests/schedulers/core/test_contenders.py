"""Which trials may still turn out best, and with which probability."""

import json

import numpy as np
import pytest
from scipy import stats

from ray_nas.schedulers.core.contenders import Contenders, Forecast


@pytest.fixture
def contenders() -> Contenders:
    contenders = Contenders()
    contenders.set("running", Forecast(0.6, 0.04))
    contenders.set("finished", Forecast(0.7, 0.0))
    contenders.set("poor", Forecast(0.1, 0.01))
    return contenders


def test_the_probability_is_that_of_the_difference_of_two_normals(contenders: Contenders) -> None:
    probability, rival = contenders.win_probability("running")
    assert rival == "finished"
    assert probability == pytest.approx(stats.norm.sf(0.7, 0.6, 0.2))
    probability, rival = contenders.win_probability("finished")
    assert rival == "running"
    assert probability == pytest.approx(stats.norm.cdf(0.7, 0.6, 0.2))


@pytest.mark.parametrize(("value", "probability"), [(0.8, 1.0), (0.7, 1.0), (0.6, 0.0)])
def test_known_values_are_compared(
    contenders: Contenders, value: float, probability: float
) -> None:
    contenders.set("other", Forecast(value, 0.0))
    assert contenders.win_probability("other") == (probability, "finished")


def test_without_another_one_a_trial_wins(contenders: Contenders) -> None:
    contenders.discard("finished")
    contenders.discard("poor")
    assert contenders.win_probability("running") == (1.0, None)


def test_a_finished_trial_is_decided(contenders: Contenders) -> None:
    assert contenders.undecided() == ["running", "poor"]
    contenders.set("running", Forecast(0.65, 0.0))
    contenders.discard("poor")
    contenders.discard("unknown")
    assert contenders.undecided() == []
    assert "running" in contenders
    assert "poor" not in contenders


def test_the_state_survives_json(contenders: Contenders) -> None:
    restored = Contenders()
    restored.set_state(json.loads(json.dumps(contenders.get_state())))
    assert restored.get_state() == contenders.get_state()
    assert np.isclose(restored.win_probability("running")[0], stats.norm.sf(0.5))
