"""Levels of the rungs, and which rung a report reaches."""

import pytest
from ray.tune.schedulers import ASHAScheduler

from ray_nas.schedulers.core.rungs import RungLevels


@pytest.mark.parametrize(
    ("max_t", "eta"),
    [(27, 3), (243, 3), (1000, 10), (125, 5), (64, 4), (100, 3), (16, 1.5), (5, 7)],
)
def test_levels_are_rays(max_t: int, eta: float) -> None:
    """Also where Ray rounds: by exact arithmetic there is a rung at 3 ** 5 = 243."""
    rays = ASHAScheduler(
        metric="score", mode="max", max_t=max_t, grace_period=1, reduction_factor=eta
    )
    rays_levels = [level for level, _ in reversed(rays._brackets[0]._rungs)]
    assert RungLevels(1, max_t, eta).levels == rays_levels


@pytest.mark.parametrize(
    ("time", "rung"), [(0.5, None), (1, 0), (2.9, 0), (3, 1), (8, 1), (9, 0), (30, 0)]
)
def test_the_highest_reached_rung_without_a_record(time: float, rung: int | None) -> None:
    records = [set(), set(), {"a"}] if time < 9 else [set(), {"a"}, {"a"}]
    assert RungLevels(1, 9, 3).reached(time, "a", records) == rung


def test_a_rung_is_reached_whatever_the_rounding() -> None:
    rungs = RungLevels(0.1, 0.9, 3)
    assert rungs.levels[1] > 0.3
    assert rungs.reached(0.3, "a", [{"a"}, {}, {}]) == 1
    assert rungs.reached(0.2999, "a", [{"a"}, {}, {}]) is None


def test_no_rung_is_left_when_all_have_a_record() -> None:
    assert RungLevels(1, 9, 3).reached(9, "a", [{"a"}] * 3) is None


def test_records_of_other_levels_are_refused() -> None:
    rungs = RungLevels(1, 9, 3)
    state = rungs.get_state([{"a": 0.5}, {}, {}])
    assert rungs.records_of(state) == [{"a": 0.5}, {}, {}]
    with pytest.raises(ValueError, match=r"rungs at \[1.0, 3.0, 9.0\], this scheduler at"):
        RungLevels(1, 9, 2).records_of(state)
