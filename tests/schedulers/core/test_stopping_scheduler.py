"""What the base class does with Tune's calls; the contract suite tests its products."""

import pytest

from ray_nas.schedulers import StoppingScheduler


class StopBelow(StoppingScheduler):
    """Stops trials with a score below 0.5, and records the calls of its hooks."""

    def _start_experiment(self):
        super()._start_experiment()
        self.calls = []

    def _stop_reason(self, trial_id, time, result, is_new):
        self.calls.append(("report", trial_id, time, is_new))
        return "too low" if result["score"] < 0.5 else None

    def _add_last_report(self, trial_id, time, result):
        self.calls.append(("last", trial_id, time))

    def _trial_ended(self, trial_id, failed):
        self.calls.append(("ended", trial_id, failed))


@pytest.fixture
def scheduler():
    return StopBelow("epoch", max_t=3)


def report(scheduler, controller, trial, epoch, score=1.0):
    return scheduler.on_trial_result(controller, trial, {"epoch": epoch, "score": score})


def test_a_trial_is_stopped_for_a_reason_or_at_full_length(scheduler, controller, make_trial):
    for trial_id, score, epochs in (("a", 0.4, 1), ("b", 0.6, 3)):
        trial = make_trial(trial_id)
        scheduler.on_trial_add(controller, trial)
        decisions = [
            report(scheduler, controller, trial, epoch, score) for epoch in range(1, epochs + 1)
        ]
        assert decisions == ["CONTINUE"] * (epochs - 1) + ["STOP"]
    assert scheduler.stopped == {"a": (1.0, "too low"), "b": (3.0, "full length: epoch = 3")}
    assert scheduler.debug_string() == "Using StopBelow: 2 of 2 trials stopped"


def test_a_retried_trial_is_new_only_beyond_its_furthest_report(scheduler, controller, make_trial):
    trial = make_trial("a")
    scheduler.on_trial_add(controller, trial)
    report(scheduler, controller, trial, 1)
    report(scheduler, controller, trial, 2)
    scheduler.on_trial_error(controller, trial)
    scheduler.on_trial_add(controller, trial)
    for epoch in (1, 2, 2.5):
        report(scheduler, controller, trial, epoch)
    assert scheduler.calls == [
        ("report", "a", 1.0, True),
        ("report", "a", 2.0, True),
        ("ended", "a", True),
        ("report", "a", 1.0, False),
        ("report", "a", 2.0, False),
        ("report", "a", 2.5, True),
    ]


@pytest.mark.parametrize(
    ("result", "is_added"),
    [({"epoch": 2, "score": 1}, True), ({"epoch": 0.5, "score": 1}, False), ({}, False)],
)
def test_the_last_report_counts_unless_it_is_an_older_one(
    scheduler, controller, make_trial, result, is_added
):
    trial = make_trial("a")
    scheduler.on_trial_add(controller, trial)
    report(scheduler, controller, trial, 1)
    scheduler.on_trial_complete(controller, trial, result)
    assert (("last", "a", 2.0) in scheduler.calls) == is_added
    assert scheduler.calls[-1] == ("ended", "a", False)


def test_waiting_trials_run_in_order_pending_ones_first(scheduler, controller, make_trial):
    statuses = {"a": "RUNNING", "b": "PAUSED", "c": "PENDING", "d": "PENDING"}
    trials = {name: make_trial(name, status=status) for name, status in statuses.items()}
    for trial in trials.values():
        scheduler.on_trial_add(controller, trial)
    chosen = []
    while (trial := scheduler.choose_trial_to_run(controller)) is not None:
        chosen.append(trial.trial_id)
        scheduler.on_trial_remove(controller, trial)
    assert chosen == ["c", "d", "b"]


def test_a_state_of_another_budget_is_refused(scheduler):
    state = StopBelow("step", max_t=3).get_state()
    with pytest.raises(ValueError, match="time_attr 'step', this scheduler 'epoch'"):
        scheduler.set_state(state)


def test_the_base_class_alone_judges_nothing(controller, make_trial):
    with pytest.raises(NotImplementedError):
        report(StoppingScheduler("epoch", max_t=3), controller, make_trial("a"), 1)


@pytest.mark.parametrize("max_t", [0, -1, float("inf"), float("nan"), "long"])
def test_a_full_length_that_is_not_a_positive_number_is_refused(max_t):
    with pytest.raises(ValueError, match="max_t must be a finite number > 0"):
        StopBelow("epoch", max_t=max_t)
