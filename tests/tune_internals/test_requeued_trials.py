"""Stopped trials whose worker dies before Tune has saved them: their last report counts."""

import os
from pathlib import Path

import pytest
from ConfigSpace import ConfigurationSpace
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from ray_nas.record import load
from ray_nas.schedulers import LearningCurveASHA, Resumable
from ray_nas.searchers import RandomSearch
from ray_nas.simulation import replay

SCHEDULERS = {
    "LearningCurveASHA": lambda: LearningCurveASHA(
        time_attr="epoch", metric="score", mode="max", max_t=2
    ),
    "Resumable": lambda: Resumable(
        ASHAScheduler(time_attr="epoch", metric="score", mode="max", max_t=2)
    ),
}


def dies_while_its_end_is_saved(folder: Path) -> type[tune.Trainable]:
    class Train(tune.Trainable):
        def setup(self, config):
            self.epoch = 0

        def step(self):
            self.epoch += 1
            (folder / f"{self.trial_id} {self.epoch} {os.getpid()}").touch()
            return {"score": self.config["x"] + self.epoch, "epoch": self.epoch}

        def save_checkpoint(self, checkpoint):
            if self.epoch == 2:
                os._exit(1)
            return {"epoch": self.epoch}

        def load_checkpoint(self, state):
            self.epoch = state["epoch"]

    return Train


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_last_report_counts_and_no_epoch_is_trained_again(cluster, tmp_path, name):
    (tmp_path / "steps").mkdir()
    searcher = RandomSearch(
        ConfigurationSpace({"x": (0.0, 1.0)}), metric="score", mode="max", seed=0
    )
    results = tune.Tuner(
        tune.with_resources(dies_while_its_end_is_saved(tmp_path / "steps"), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=searcher, scheduler=SCHEDULERS[name](), num_samples=3
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(tmp_path),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=-1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
        ),
    ).fit()
    trials = load(tmp_path / "run").trials.values()
    assert {trial.status for trial in trials} == {"completed"}
    assert {trial.trial_id: [result["epoch"] for result in trial.reports] for trial in trials} == {
        result.metrics["trial_id"]: [1, 2] if result.metrics["epoch"] == 2 else [1]
        for result in results
    }
    # Each worker that reached the second epoch died
    assert any(result.metrics["epoch"] == 2 for result in results)
    assert len(list((tmp_path / "steps").iterdir())) == sum(len(trial.reports) for trial in trials)
    again = replay(tmp_path / "run", space=ConfigurationSpace({"x": (0.0, 1.0)}))
    assert (len(again.trials), again.difference, again.unchecked) == (3, None, "")
