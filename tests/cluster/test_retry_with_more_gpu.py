"""A trial that ran out of memory is retried with a larger share, also under real Tune."""

import math
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import pytest
from ray import tune

from ray_nas import record
from ray_nas.cluster import RetryWithMoreGPU
from ray_nas.searchers import RandomSearch


@pytest.mark.usefixtures("runtime")
def test_a_larger_share_at_the_next_try(tmp_path: Path) -> None:
    class Greedy(tune.Trainable):
        def setup(self, config: dict) -> None:
            self.share, self.size = self.trial_resources.required_resources["GPU"], config["size"]

        def step(self) -> dict:
            if self.size == 13:
                raise ValueError("a fault that no GPU cures")
            if self.share < 0.01 * self.size:
                raise MemoryError
            return {"accuracy": self.share, "done": True}

        def save_checkpoint(self, folder: str) -> dict:
            return {}

        def load_checkpoint(self, state: dict) -> None:
            return None

    sizes = CS.ConfigurationSpace({"size": (1, 100)})
    given = [{"size": 50}, {"size": 13}, {"size": 90}]
    searcher = RandomSearch(sizes, "accuracy", "max", points_to_evaluate=given, seed=1)
    results = tune.Tuner(
        tune.with_resources(Greedy, {"cpu": 1, "gpu": 0.3}),
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=3, trial_dirname_creator=lambda trial: trial.trial_id
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(tmp_path),
            verbose=0,
            callbacks=[RetryWithMoreGPU()],
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    ).fit()
    assert len(results) == 3
    trials = list(record.load(tmp_path / "run").trials.values())
    assert [(trial.status, trial.reason) for trial in trials] == [
        ("completed", ""),
        ("error", "the trainable raised an error"),
        ("infeasible", "out of memory"),  # 0.6 is not enough either
    ]
    assert trials[0].metrics["accuracy"] == 0.6


@pytest.mark.parametrize(
    ("share", "factor", "max_gpus", "larger"),
    [
        (0.3, 2.0, 1, 0.6),
        (0.6, 2.0, 4, 1.0),
        (1.0, 2.0, 4, 2.0),
        (1.0, 2.0, 1, 1.0),
        (1.0, 1.5, 4, 2.0),
        (3.0, 1.5, 8, 5.0),
    ],
)
def test_how_a_share_grows(share: float, factor: float, max_gpus: int, larger: float) -> None:
    assert RetryWithMoreGPU(factor, max_gpus)._enlarged({"CPU": 1, "GPU": share}) == {
        "CPU": 1,
        "GPU": larger,
    }
    assert RetryWithMoreGPU(factor, max_gpus)._enlarged({"CPU": 1}) == {"CPU": 1}


@pytest.mark.parametrize("wrong", [1.0, math.nan, math.inf, "2"])
def test_wrong_factors_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"factor must be a finite number > 1, got {wrong!r}"):
        RetryWithMoreGPU(wrong)


@pytest.mark.parametrize("wrong", [0, 1.5, math.nan, None])
def test_wrong_numbers_of_gpus_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"max_gpus must be an integer >= 1, got {wrong!r}"):
        RetryWithMoreGPU(2, wrong)
