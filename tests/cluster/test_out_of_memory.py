"""Trials that run out of memory under real Tune: infeasible, and the search continues."""

import math
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import pytest
import ray
import torch
from ray import tune

from ray_nas import record
from ray_nas.searchers import RandomSearch, RegularizedEvolution


def sizes() -> CS.ConfigurationSpace:
    config_space = CS.ConfigurationSpace()
    config_space.add(CS.UniformIntegerHyperparameter("size", 1, 100))
    return config_space


def costs(config: dict[str, Any]) -> dict[str, float]:
    return {"peak_memory_bytes": float(config["size"])}


def trainable() -> type[tune.Trainable]:
    class Train(tune.Trainable):
        """Runs out of memory above size 60, in one of three ways; size 13 fails otherwise."""

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
    return list(record.load(folder / "run").trials.values())


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
