"""The evaluation phase measures a batch of sub-networks, each once."""

import json
import math
from typing import Any

import pytest
import torch
from torch import nn

from ray_nas.sharing.one_shot.evaluation_phase import evaluate_sub_networks
from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.supernet_phase import train_supernet
from ray_nas.spaces import NASBench201
from ray_nas.trials.data import Loss
from ray_nas.trials.optimizer import Optimization

CPU = torch.device("cpu")
SPACE = NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1)
DATA = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2
SUB_NETWORKS = {f"t1/{number}": SPACE.sample(random_state=number) for number in range(3)}


def task(loss: Loss = nn.functional.cross_entropy, space: NASBench201 = SPACE) -> OneShotTask:
    return OneShotTask(space, DATA, DATA, None, loss, 8, Optimization(0.1), 1, 8, affine=False)


@pytest.fixture
def config(fake_trial: Any) -> dict[str, Any]:
    """The config of a trial that evaluates three sub-networks of a trained supernet."""
    train_supernet({"strategy": "spos", "epochs": 1, "seed": 1, "favourites": 0}, task(), CPU)
    weights = fake_trial.reports[-1]["weights"]
    return {"phase": "evaluate", "weights": weights, "sub_networks": json.dumps(SUB_NETWORKS)}


def test_the_best_is_reported_with_all(fake_trial: Any, config: dict[str, Any]) -> None:
    evaluate_sub_networks(config, task(), CPU)
    report = fake_trial.reports[-1]
    found = json.loads(report["sub_networks"])
    assert list(found) == list(SUB_NETWORKS)
    assert report["evaluated"] == 3
    assert report["loss"] == min(metrics["loss"] for metrics in found.values())


def test_a_batch_that_is_proposed_again_needs_no_supernet(
    fake_trial: Any, config: dict[str, Any]
) -> None:
    evaluate_sub_networks(config, task(), CPU)
    renamed = {f"t9/{number}": each for number, each in enumerate(SUB_NETWORKS.values())}

    def never(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise AssertionError("evaluated twice")

    evaluate_sub_networks({**config, "sub_networks": json.dumps(renamed)}, task(never), CPU)
    first, again = (json.loads(report["sub_networks"]) for report in fake_trial.reports[-2:])
    assert list(again) == list(renamed)
    assert list(again.values()) == list(first.values())


def test_one_that_is_too_large_is_infeasible(fake_trial: Any, config: dict[str, Any]) -> None:
    calls = 0

    def too_large_once(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("CUDA out of memory")
        return nn.functional.cross_entropy(outputs, targets)

    evaluate_sub_networks(config, task(too_large_once), CPU)
    found = list(json.loads(fake_trial.reports[-1]["sub_networks"]).values())
    assert math.isnan(found[1]["loss"])
    assert found[1]["out_of_memory"] == 1.0
    assert math.isfinite(found[0]["loss"] + found[2]["loss"] + fake_trial.reports[-1]["loss"])


def test_supernets_of_other_spaces_and_deleted_ones_are_named(
    fake_trial: Any, config: dict[str, Any]
) -> None:
    wider = NASBench201(channels=4, cells_per_stage=1, num_classes=2, in_channels=1)
    with pytest.raises(ValueError, match="is of another space"):
        evaluate_sub_networks(config, task(space=wider.fix({"edge_0_1": "none"})), CPU)
    with pytest.raises(ValueError, match="checkpoint gone was deleted"):
        evaluate_sub_networks({**config, "weights": "gone"}, task(), CPU)
