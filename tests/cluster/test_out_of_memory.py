"""Trials that die of memory, under real Tune: infeasible in the record, a limit for the
searcher, and the run goes on.
"""

import errno
import math
import os
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import pytest
import ray
import torch
from ray import tune

from ray_nas import record
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.searchers.core.memory_limit import MemoryLimit, is_out_of_memory
from ray_nas.searchers.core.objectives import InfeasibleError
from ray_nas.tune_internals.call_stack import trial_error


def sizes() -> CS.ConfigurationSpace:
    config_space = CS.ConfigurationSpace()
    config_space.add(CS.UniformIntegerHyperparameter("size", 1, 100))
    return config_space


def costs(config: dict[str, Any]) -> dict[str, float]:
    return {"peak_memory_bytes": float(config["size"])}


def trainable() -> type[tune.Trainable]:
    class Train(tune.Trainable):
        """A trial of a size above 60 runs out of memory, in one of three ways; 13 has another
        fault.
        """

        def setup(self, config: dict) -> None:
            self.size = config["size"]

        def step(self) -> dict:
            if self.size > 60:
                raise (
                    MemoryError(),
                    torch.cuda.OutOfMemoryError("CUDA out of memory."),
                    ray.exceptions.OutOfMemoryError("node"),
                )[self.size % 3]
            if self.size == 13:
                raise ValueError("a fault of the trainable")
            return {"accuracy": float(self.size), "done": True}

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

        def reset_config(self, new_config: dict) -> bool:
            self.setup(new_config)
            return True

    return Train


def fit(searcher: Any, folder: Path, train: Any, number: int) -> list[record.TrialRecord]:
    tune.Tuner(
        tune.with_resources(train, {"cpu": 2}),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=number,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(folder), verbose=0),
    ).fit()
    return record.load(folder / "run").trials


@pytest.mark.usefixtures("runtime")
def test_the_run_goes_on_and_larger_ones_are_not_proposed_again(tmp_path: Path) -> None:
    given = [{"size": size} for size in (90, 13, 70, 50)]
    searcher = RandomSearch(
        sizes(), "accuracy", "max", costs=costs, points_to_evaluate=given, seed=1
    )
    trials = fit(searcher, tmp_path, trainable(), 7)
    ended = {trial.config["size"]: (trial.status, trial.reason) for trial in trials}
    assert len(ended) == len(trials) == 7
    assert ended[13] == ("error", "the trainable raised an error")
    limit = math.inf
    for trial in trials:
        size = trial.config["size"]
        if size > 60:
            assert ended[size] == ("infeasible", f"out of memory at peak_memory_bytes = {size}")
            assert size < limit  # each that died sets a new limit
            limit = size
        elif size != 13:
            assert ended[size] == ("completed", "")
    again = RandomSearch(sizes(), "accuracy", "max", costs=costs)
    again.restore(str(next((tmp_path / "run").glob("searcher-state-*.json"))))
    assert again._memory.limit == searcher._memory.limit == limit


@pytest.mark.soak  # starts a process for each trial
@pytest.mark.usefixtures("runtime")
def test_a_function_trainable_without_costs(tmp_path: Path) -> None:
    def train(config: dict) -> None:
        if config["size"] > 60:
            raise MemoryError
        tune.report({"accuracy": float(config["size"])})

    given = [{"size": size} for size in (80, 20, 30)]
    searcher = RegularizedEvolution(
        sizes(),
        "accuracy",
        "max",
        points_to_evaluate=given,
        population_size=2,
        tournament_size=2,
        seed=1,
    )
    trials = fit(searcher, tmp_path, train, 4)
    assert [(trial.status, trial.reason) for trial in trials[:2]] == [
        ("infeasible", "out of memory"),
        ("completed", ""),
    ]
    assert all(trials[0].trial_id not in trial.parents for trial in trials)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        ray.exceptions.OutOfMemoryError("the node is low on memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("unable to mmap 4096 bytes from file </torch_1>: Cannot allocate memory (12)"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ray.exceptions.RayTaskError("train", "...", MemoryError()),
    ],
)
def test_errors_that_say_so(error: BaseException) -> None:
    assert is_out_of_memory(error)
    outer = ValueError("wrapped")
    outer.__cause__ = error
    assert is_out_of_memory(outer)


def test_other_errors_do_not() -> None:
    assert not is_out_of_memory(None)
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"))
    assert not is_out_of_memory(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert trial_error() is None  # outside of Tune


def test_torchs_own_message_of_the_host() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_a_smaller_one_that_died_beside_a_larger_that_lived_sets_no_limit() -> None:
    memory = MemoryLimit(costs)
    memory.check({"size": 99})
    memory.note(50, died=True)
    assert memory.limit == 50
    memory.note(70, died=False)
    assert memory.limit == math.inf
    memory.note(90, died=True)
    memory.note(80, died=True)
    assert memory.limit == 80
    memory.check({"size": 79})
    with pytest.raises(
        InfeasibleError, match="peak_memory_bytes = 80: a trial of 80 ran out of memory"
    ):
        memory.check({"size": 80})


def test_parameters_tell_the_size_where_memory_is_no_cost() -> None:
    assert MemoryLimit(lambda config: {"params": 5, "flops": 3}).size({}) == ("params", 5.0)
    assert MemoryLimit(lambda config: {"latency_ms": 5}).size({}) is None
    assert MemoryLimit(None).size({}) is None
