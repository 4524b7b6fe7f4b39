from ray_nas.searchers.core.stop_reasons import StopReasons


def test_a_reason_is_used_once() -> None:
    stops = StopReasons()
    stops.note("a", "slow")
    assert [stops.pop("a"), stops.pop("a"), stops.pop("b")] == ["slow", "", ""]


def test_an_empty_reason_keeps_the_earlier_one() -> None:
    stops = StopReasons()
    stops.note("a", "slow")
    stops.note("a", "")
    assert stops.pop("a") == "slow"


def test_a_schedulers_stop_comes_before_the_end_of_the_experiment() -> None:
    stops = StopReasons()
    stops.note("a", "slow")
    for trial in ("a", "b"):
        stops.note_cut_off(trial)
    assert stops.pop("a") == "slow"
    assert stops.pop("b") == "cut off by the end of the experiment"
    assert stops.pop("a") == ""
