"""Retraining a sub-network from scratch."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.retraining_phase import RetrainingRun, retrain
from ray_nas.spaces import LayerChoice, ModelSpace, NASBench201
from ray_nas.trials.data import Data, Loss
from ray_nas.trials.optimizer import Optimization

SPACE = NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1)
DATA = torch.rand(18, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(18) % 2
CONFIG = {
    "phase": "retrain",
    "architecture": SPACE.sample(random_state=3),
    "inherited": {"accuracy": 0.75},
    "seed": 1,
}


def task(loss: Loss = nn.functional.cross_entropy, test_data: Data | None = None) -> OneShotTask:
    optimization = Optimization(0.1)
    return OneShotTask(SPACE, DATA, DATA, test_data, loss, 8, optimization, 3, 8, affine=False)


def test_the_last_epoch_is_measured_on_test_data(fake_trial: Any) -> None:
    retrain(CONFIG, task(test_data=DATA), torch.device("cpu"))
    reports = fake_trial.reports
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert [report["reported_on"] for report in reports] == ["validation", "validation", "test"]
    assert reports[-1]["test_loss"] == reports[-1]["loss"], "the same data"
    assert {report["inherited_accuracy"] for report in reports} == {0.75}
    assert "test_loss" not in reports[0]


def test_a_restored_retraining_continues_as_if_it_had_not_stopped(fake_trial: Any) -> None:
    straight = RetrainingRun(CONFIG["architecture"], 1, task(), torch.device("cpu"))
    losses = [straight.train_epoch() for _ in range(3)]

    def dies_later(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if len(fake_trial.reports) == 2:
            raise RuntimeError("killed")
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(RuntimeError, match="killed"):
        retrain(CONFIG, task(dies_later), torch.device("cpu"))
    retrain(CONFIG, task(), torch.device("cpu"))
    assert [report["train_loss"] for report in fake_trial.reports] == losses


@pytest.mark.parametrize("rows", [9, 1])
def test_a_last_batch_of_one_example_does_not_stop_a_retraining(rows: int, fake_trial: Any) -> None:
    space = ModelSpace(
        lambda: nn.Sequential(
            nn.Linear(2, 4),
            nn.BatchNorm1d(4),
            LayerChoice("op", {"tanh": nn.Tanh, "relu": nn.ReLU}),
            nn.Linear(4, 2),
        )
    )
    pair = torch.rand(rows, 2), torch.arange(rows) % 2
    small = OneShotTask(
        *(space, pair, pair, None, nn.functional.cross_entropy, 8, Optimization(0.05), 1, 8),
        affine=False,
    )
    config = {**CONFIG, "architecture": {"op": "tanh"}, "inherited": {}}
    if rows == 1:
        with pytest.raises(ValueError, match="at least 2 rows"):
            retrain(config, small, torch.device("cpu"))
    else:
        retrain(config, small, torch.device("cpu"))
        assert math.isfinite(fake_trial.reports[0]["loss"])
