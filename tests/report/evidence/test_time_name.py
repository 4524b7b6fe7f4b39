from small_searches import search

from ray_nas.report.evidence.time_name import time_name


def reports(**series: list[float]) -> list[dict[str, float]]:
    return [dict(zip(series, values, strict=True)) for values in zip(*series.values(), strict=True)]


def test_the_users_own_counter_comes_before_tunes() -> None:
    record = search(
        lambda config, rng: reports(
            accuracy=[0.1, 0.2, 0.3],
            training_iteration=[1, 2, 3],
            epoch=[10, 20, 30],
            time_total_s=[1.0, 2.0, 3.0],
        )
    )
    assert time_name(record) == "epoch"


def test_a_loss_that_happens_to_rise_is_not_a_time() -> None:
    record = search(
        lambda config, rng: reports(
            accuracy=[0.1, 0.2],
            train_loss=sorted(rng.random(2).tolist()),
            training_iteration=[1, 2],
        )
    )
    assert time_name(record) == "training_iteration"


def test_single_reports_have_no_time() -> None:
    assert time_name(search(lambda config, rng: [{"accuracy": 1.0, "epoch": 3}])) is None


def test_trials_that_never_reported_have_no_time() -> None:
    assert time_name(search(lambda config, rng: [])) is None
