"""A virtual trial makes the results that Tune would make."""

from ray_nas.simulation.virtual_trial import VirtualTrial, flatten


def test_results_have_tunes_fields_and_add_up_the_seconds() -> None:
    trial = VirtualTrial("t0", 0, {"x": 1})
    trial.add_report(trial.next_result(2.0, {"score": 1.0}), 2.0)
    trial.iteration = 1
    result = trial.next_result(3.0, {"nested": {"score": 2.0}})
    assert result == {
        "nested/score": 2.0,
        "training_iteration": 2,
        "time_this_iter_s": 3.0,
        "time_total_s": 5.0,
        "trial_id": "t0",
        "done": False,
    }
    assert trial.metrics["score"] == 1.0
    assert trial.times == [2.0]


def test_the_users_own_iteration_and_end_count() -> None:
    result = VirtualTrial("t0", 0, {}).next_result(1.0, {"training_iteration": 7, "done": True})
    assert (result["training_iteration"], result["done"]) == (7, True)


def test_a_trial_is_finished_when_it_ended_in_either_way() -> None:
    trial = VirtualTrial("t0", 0, {})
    for status, ended in (("PENDING", 0), ("PAUSED", 0), ("TERMINATED", 1), ("ERROR", 1)):
        trial.status = status
        assert trial.is_finished() is bool(ended)


def test_empty_dicts_stay_values() -> None:
    assert flatten({"a": {}, "b": {"c": {"d": 1}}}) == {"a": {}, "b/c/d": 1}
