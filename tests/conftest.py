"""Shared spaces, trials without Tune's processes, and settings for Ray."""

import os
from collections.abc import Iterator

import ConfigSpace as CS
import pytest
import ray
import torch
from local_ray import local_ray
from patience import patient

from ray_nas.spaces import NASBench201, SearchSpace

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault(
    "RAY_worker_register_timeout_seconds", "600"
)  # a busy machine starts processes slowly
os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", "600")
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # of the processes that are started from here, pytest's workers too
torch.set_num_threads(1)  # small networks on shared cores


@pytest.fixture(scope="session", autouse=True)
def patient_start() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(ray, "init", patient(ray.init))
    yield
    patch.undo()


LONGEST = (
    "test_one_shot_trial.py",
    "searchers/test_restore.py",
    "searchers/test_kill_and_restore.py",
    "docs/test_pages.py",
    "docs/test_sharing.py",
    "cluster/test_three_nodes.py",
    "searchers/test_with_tune.py",
    "searchers/test_zero_cost_warmup.py",
    "proxies/test_contract.py",
    "proxies/test_memory.py",
    "cli/test_main.py",
    "cluster/test_faults.py",
    "searchers/test_contract.py",
    "simulation/test_record_replay.py",
    "test_weight_inheritance.py",
    "cluster/test_out_of_memory.py",
    "searchers/test_bohb.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the longest files first, so that all workers end at about the same time."""
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


def make_mixed_config_space() -> CS.ConfigurationSpace:
    """Every kind of parameter, conditions of two kinds and forbidden clauses."""
    config_space = CS.ConfigurationSpace()
    depth = CS.OrdinalHyperparameter("depth", [1, 2, 3], default_value=2)
    width = CS.UniformIntegerHyperparameter("width", 8, 64, log=True)
    heads = CS.UniformIntegerHyperparameter("heads", 1, 4)
    third = CS.CategoricalHyperparameter("third_op", ["conv", "pool"])
    gate = CS.CategoricalHyperparameter("gate", [True, False])
    rate = CS.UniformFloatHyperparameter("rate", 1e-4, 1e-1, log=True)
    decay = CS.NormalFloatHyperparameter("decay", 0.0, 1.0, lower=-5.0, upper=5.0)
    kernel = CS.Constant("kernel", 3)
    config_space.add(depth, width, heads, third, gate, rate, decay, kernel)
    config_space.add(CS.EqualsCondition(third, depth, 3))
    config_space.add(
        CS.OrConjunction(
            CS.EqualsCondition(decay, gate, True), CS.GreaterThanCondition(decay, heads, 2)
        )
    )
    config_space.add(
        CS.ForbiddenAndConjunction(
            CS.ForbiddenEqualsClause(depth, 1), CS.ForbiddenInClause(heads, [1, 2])
        )
    )
    return config_space


def make_small_config_space() -> CS.ConfigurationSpace:
    """Twelve configs, two of them forbidden, four with a conditional parameter."""
    config_space = CS.ConfigurationSpace()
    depth = CS.OrdinalHyperparameter("depth", [1, 2, 3])
    op = CS.CategoricalHyperparameter("op", ["conv", "pool", "skip"])
    third = CS.CategoricalHyperparameter("third_op", ["conv", "pool"])
    config_space.add(depth, op, third)
    config_space.add(CS.EqualsCondition(third, depth, 3))
    config_space.add(
        CS.ForbiddenAndConjunction(
            CS.ForbiddenEqualsClause(depth, 3), CS.ForbiddenEqualsClause(op, "skip")
        )
    )
    return config_space


@pytest.fixture(scope="session")
def mixed_space() -> SearchSpace:
    return SearchSpace(make_mixed_config_space())


@pytest.fixture(scope="session")
def small_space() -> SearchSpace:
    return SearchSpace(make_small_config_space())


@pytest.fixture(scope="session")
def cells() -> NASBench201:
    return NASBench201(channels=2, cells_per_stage=1)


class FakeTrial:
    """The part of a trial that schedulers use."""

    def __init__(self, trial_id, config, more):
        self.trial_id = trial_id
        self.config = config
        self.last_result = {}
        self.status = "RUNNING"
        self.__dict__.update(more)


class FakeSearchAlg:
    """Keeps the results that it receives."""

    def __init__(self):
        self.results = {}

    def on_trial_result(self, trial_id, result):
        self.results.setdefault(trial_id, []).append(result)


class FakeController:
    """The part of Tune's controller that schedulers use."""

    def __init__(self, search_alg=None):
        self.search_alg = search_alg or FakeSearchAlg()
        self.trials = []
        self.stopped = []

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


@pytest.fixture(scope="module")
def ray_runtime() -> Iterator[None]:
    """A local Ray with one CPU, for all tests of a module."""
    with local_ray():
        yield
