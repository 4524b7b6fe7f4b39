"""How a scheduler is attached to an experiment, and ends trials that are queued again."""

import pytest
from ray import cloudpickle

from ray_nas.schedulers.core.experiment_binding import ExperimentBinding


class FakeSearcher:
    """Offers what a searcher of this package offers to schedulers."""

    def __init__(self, saved=None):
        self.saved = saved
        self.attached = []
        self.reasons = {}
        self.results = {}

    def attach_state(self, name, get_state, set_state):
        self.attached.append(name)
        if self.saved is not None:
            set_state(self.saved)

    def note_stop(self, trial_id, reason):
        self.reasons[trial_id] = reason

    def on_trial_result(self, trial_id, result):
        self.results[trial_id] = result


@pytest.fixture
def received():
    return []


@pytest.fixture
def binding(received):
    return ExperimentBinding(dict, received.append)


def test_it_is_attached_once_per_experiment(binding, make_trial):
    first, second = FakeSearcher(), FakeSearcher()
    for search_alg in (None, first, first):
        assert not binding.is_second_experiment(search_alg)
        binding.attach(search_alg, make_trial("a"), "Some")
    assert binding.is_second_experiment(second)
    assert not binding.is_second_experiment(None)
    binding.attach(second, make_trial("a"), "Some")
    assert first.attached == second.attached == ["Some"]


def test_a_saved_state_is_restored_at_once(binding, received, make_trial):
    binding.attach(FakeSearcher({"answer": 42}), make_trial("a"), "Some")
    assert received == [{"answer": 42}]


def test_the_searcher_gets_the_reason_of_a_stop(binding, make_trial):
    binding.note_stop("a", "nobody listens yet")
    searcher = FakeSearcher()
    binding.attach(searcher, make_trial("a"), "Some")
    binding.note_stop("a", "too slow")
    assert searcher.reasons == {"a": "too slow"}


def test_waiting_trials_that_were_stopped_are_ended_once(binding, make_trial, make_controller):
    searcher = FakeSearcher()
    controller = make_controller(searcher)
    binding.attach(searcher, make_trial("a"), "Some")
    for trial_id, status in {"a": "PENDING", "b": "PAUSED", "c": "RUNNING"}.items():
        trial = make_trial(trial_id, status=status, last_result={"score": 0.5})
        binding.add_requeued(trial)
    for _ in range(2):
        binding.end_requeued(controller, lambda trial_id: f"{trial_id} is poor")
    assert sorted(controller.stopped) == ["a", "b"]
    assert searcher.reasons == {"a": "a is poor", "b": "b is poor"}
    assert searcher.results == {"a": {"score": 0.5}, "b": {"score": 0.5}}


def test_a_pickle_holds_nothing_of_tune(make_trial, make_controller):
    binding = ExperimentBinding(dict, list.append)
    searcher = FakeSearcher()
    binding.attach(searcher, make_trial("a"), "Some")
    binding.add_requeued(make_trial("a", status="PENDING"))
    copy = cloudpickle.loads(cloudpickle.dumps(binding))
    assert not copy.is_second_experiment(FakeSearcher())
    controller = make_controller()
    copy.end_requeued(controller, str)
    assert controller.stopped == []
