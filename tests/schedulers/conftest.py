"""Trials and a controller without Tune's processes: schedulers need no more of them."""

import pytest


class FakeTrial:
    """A trial as far as schedulers look at it."""

    def __init__(self, trial_id, config, more):
        self.trial_id, self.config, self.last_result, self.status = trial_id, config, {}, "RUNNING"
        self.__dict__.update(more)


class Heard:
    """A search algorithm that keeps what it is told."""

    def __init__(self):
        self.results = {}

    def on_trial_result(self, trial_id, result):
        self.results.setdefault(trial_id, []).append(result)


class FakeController:
    """What schedulers use of Tune's controller."""

    def __init__(self, search_alg=None):
        self.search_alg, self.trials, self.stopped = search_alg or Heard(), [], []

    def get_trials(self):
        return self.trials

    def get_live_trials(self):
        return [trial for trial in self.trials if trial.status != "TERMINATED"]

    def stop_trial(self, trial):
        trial.status = "TERMINATED"
        self.stopped.append(trial.trial_id)


@pytest.fixture
def controller():
    return FakeController()


@pytest.fixture
def make_controller():
    return FakeController


@pytest.fixture
def make_trial():
    def make(trial_id, config=None, **more):
        return FakeTrial(trial_id, config or {}, more)

    return make
