"""The best retraining is chosen by the searched metric, among those with a checkpoint."""

from pathlib import Path

import torch

from ray_nas.retraining import RetrainedTrial, Retraining
from ray_nas.retraining.retraining_folder import FOLDER, best_retraining, run_name
from ray_nas.trials.checkpoint import write_checkpoint
from ray_nas.tune_internals.experiment_folder import ExperimentFolder


def test_the_best_with_a_checkpoint_is_chosen(tmp_path: Path) -> None:
    runs = [
        RetrainedTrial("a", {}, 0, {"loss": 0.3, "test_loss": 0.1}),
        RetrainedTrial("a", {}, 1, {"loss": 0.2, "test_loss": 0.9}),
        RetrainedTrial("a", {}, 2, {"loss": 0.1}),
        RetrainedTrial("a", {}, 3, {"loss": 0.0}, "failed"),
        RetrainedTrial("baseline", {}, 0, {"loss": 0.0}),
    ]
    for trial, seed in (("a", 0), ("a", 1), ("a", 3), ("baseline", 0)):
        path = tmp_path / FOLDER / run_name(trial, seed) / "checkpoint_000000"
        path.mkdir(parents=True)
        write_checkpoint(path, {"weight": torch.ones(1)}, {})
    found = best_retraining(
        ExperimentFolder(tmp_path), Retraining(runs, "loss", "min", "test_loss", "a"), "a"
    )
    assert found is not None
    assert (found[0].seed, found[1].path.split("/")[-2]) == (1, "a-seed_1")
