"""The first phase of one-shot search: trains the supernet, with a checkpoint after each epoch."""

import json
from collections.abc import Sequence
from typing import Any, Final

import torch
from ray import tune

from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.sharing.one_shot.supernet_training import SupernetTraining
from ray_nas.spaces.core.search_space import Config
from ray_nas.trials.checkpoint import read_checkpoint, temporary_checkpoint
from ray_nas.trials.data import Data
from ray_nas.tune_internals.trial_storage import checkpoint_path

_PROBES: Final = 3
"""Random sub-networks whose mean metrics show a supernet's progress."""


def train_supernet(config: dict[str, Any], task: OneShotTask, device: torch.device) -> None:
    """Trains the supernet, or continues from the trial's checkpoint.

    Reports `supernet_epoch`, `train_loss`, the mean metrics of a few random sub-networks and, once
    there is a checkpoint, `weights`, its path in the experiment's folder. The last report adds
    `favourites`, the configs that the path strategy considers best, as JSON.

    Raises:
        FloatingPointError: The training loss is not finite. If an epoch was finished before, its
            weights are reported again first, so that the search can continue with them.
    """
    training = task.supernet_training(config, device)
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        tensors, fields = read_checkpoint(checkpoint)
        training.load_state_tensors(tensors, fields["epoch"])
    probes = [task.space.sample(random_state=seed) for seed in range(_PROBES)]
    report: dict[str, Any] = {
        "phase": "supernet",
        "strategy_description": training.strategy.description,
    }
    while training.epoch < training.epochs:
        try:
            report["train_loss"] = training.run_epoch()
        except FloatingPointError:
            if "supernet_epoch" in report:
                tune.report({**report, **_weights()})
            raise
        training.adapt_strategy(task.val_data)
        report |= _mean_metrics(training, probes, task.val_data)
        report["supernet_epoch"] = training.epoch
        fields = {**config, "epoch": training.epoch, "space": task.space.fingerprint}
        with temporary_checkpoint(training.state_tensors(), fields) as checkpoint:
            tune.report({**report, **_weights()}, checkpoint=checkpoint)
    report |= _mean_metrics(training, probes, task.val_data)
    report["supernet_epoch"] = training.epoch
    best = json.dumps(training.strategy.best_configs(config["favourites"]))
    tune.report({**report, **_weights(), "favourites": best})


def _weights() -> dict[str, str]:
    path = checkpoint_path()
    return {} if path is None else {"weights": path}


def _mean_metrics(
    training: SupernetTraining, configs: Sequence[Config], data: Data
) -> dict[str, float]:
    found = [training.evaluate(config, data) for config in configs]
    return {name: sum(metrics[name] for metrics in found) / len(found) for name in found[0]}
