"""The supernet phase reports its weights, and resumes from its checkpoint."""

import json
import math
from typing import Any

import pytest
import torch
from torch import nn

from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.supernet_phase import train_supernet
from ray_nas.spaces import NASBench201
from ray_nas.trials.checkpoint import read_checkpoint
from ray_nas.trials.data import Loss
from ray_nas.trials.optimizer import Optimization

CPU = torch.device("cpu")
SPACE = NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1)
GENERATOR = torch.Generator().manual_seed(0)
DATA = torch.rand(16, 1, 8, 8, generator=GENERATOR), torch.arange(16) % 2
CONFIG = {"phase": "supernet", "strategy": "enas", "epochs": 2, "seed": 1, "favourites": 3}


def task(loss: Loss = nn.functional.cross_entropy) -> OneShotTask:
    return OneShotTask(SPACE, DATA, DATA, None, loss, 8, Optimization(0.1), 1, 8, affine=False)


def test_each_epoch_is_reported_with_its_weights(fake_trial: Any) -> None:
    train_supernet(CONFIG, task(), CPU)
    assert [report["supernet_epoch"] for report in fake_trial.reports] == [1, 2, 2]
    assert fake_trial.reports[-1]["weights"] == "trial_a/checkpoint_000002"
    assert {"loss", "accuracy", "calibrated_loss", "train_loss"} <= fake_trial.reports[0].keys()
    for config in json.loads(fake_trial.reports[-1]["favourites"]):
        SPACE.validate(config)


def test_a_restored_trial_ends_with_the_same_weights(fake_trial: Any) -> None:
    train_supernet(CONFIG, task(), CPU)
    straight, _ = read_checkpoint(fake_trial.checkpoint)
    fake_trial.checkpoint = None
    seen = 0

    def dies(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(fake_trial.reports) == 4  # the second epoch
        if seen > 1:
            raise RuntimeError("killed")
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(RuntimeError, match="killed"):
        train_supernet(CONFIG, task(dies), CPU)
    train_supernet(CONFIG, task(), CPU)
    resumed, fields = read_checkpoint(fake_trial.checkpoint)
    assert fields["epoch"] == 2
    assert all(torch.equal(straight[name], tensor) for name, tensor in resumed.items())


def test_a_divergence_reports_the_last_finite_weights_again(fake_trial: Any) -> None:
    def diverging(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs, targets) * (
            math.nan if fake_trial.reports and torch.is_grad_enabled() else 1.0
        )

    with pytest.raises(FloatingPointError, match="training loss became nan in epoch 2 of 2"):
        train_supernet(CONFIG, task(diverging), CPU)
    assert [report["supernet_epoch"] for report in fake_trial.reports] == [1, 1]
    assert fake_trial.reports[-1]["weights"] == "trial_a/checkpoint_000001"
