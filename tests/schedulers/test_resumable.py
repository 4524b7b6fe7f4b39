"""What `Resumable` takes, and what it relies on in Ray."""

import pytest
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, MedianStoppingRule

from ray_nas.schedulers import Resumable

COMMON = {"time_attr": "epoch", "metric": "score", "mode": "max"}


def test_ray_still_says_how_many_brackets_and_whether_it_pauses():
    assert len(ASHAScheduler(**COMMON, brackets=2)._brackets) == 2
    assert MedianStoppingRule(**COMMON, hard_stop=False)._hard_stop is False


def test_schedulers_that_pause_or_draw_brackets_are_refused():
    with pytest.raises(
        TypeError, match="ASHAScheduler or a MedianStoppingRule, got HyperBandScheduler"
    ):
        Resumable(HyperBandScheduler(**COMMON))
    with pytest.raises(ValueError, match="brackets=1"):
        Resumable(ASHAScheduler(**COMMON, brackets=2))
    with pytest.raises(ValueError, match="hard_stop=True"):
        Resumable(MedianStoppingRule(**COMMON, hard_stop=False))


def test_metric_and_mode_from_tune_are_handed_on():
    scheduler = Resumable(ASHAScheduler(time_attr="epoch"))
    assert scheduler.set_search_properties("score", "max")
    assert scheduler.metric == "score"
