"""The third phase of one-shot search: trains one of the best sub-networks from scratch."""

import math
from typing import Any

import torch
from ray import tune

from ray_nas.sharing.one_shot.one_shot_task import OneShotTask
from ray_nas.trials.batch_norm import batch_norm_errors
from ray_nas.trials.checkpoint import read_checkpoint, temporary_checkpoint
from ray_nas.trials.data import Batch, count_batches, forward, training_batches
from ray_nas.trials.metrics import evaluate
from ray_nas.trials.seeding import seeded
from ray_nas.trials.state_tensors import merge_parts, select_part


def retrain(config: dict[str, Any], task: OneShotTask, device: torch.device) -> None:
    """Trains a network from scratch, or continues from the trial's checkpoint.

    Reports the epoch's metrics, and the sub-network's earlier ones with the supernet's weights as
    `inherited_accuracy` and so on.

    Args:
        config: The trial's config: `architecture`, its metrics `inherited`, and `seed`.
        task: The settings.
        device: Where the network is trained.

    Raises:
        FloatingPointError: The training loss is not finite.
    """
    run = RetrainingRun(config["architecture"], config["seed"], task, device)
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        run.restore(checkpoint)
    inherited = {f"inherited_{name}": value for name, value in config["inherited"].items()}
    fields = {"architecture": config["architecture"], "space": task.space.fingerprint}
    while run.epoch < task.retrain_epochs:
        train_loss = run.train_epoch()
        report = {
            "phase": "retrain",
            **inherited,
            "epoch": run.epoch,
            "train_loss": train_loss,
            **run.evaluate(),
        }
        with temporary_checkpoint(
            run.state_tensors(), {**fields, "epoch": run.epoch}
        ) as checkpoint:
            tune.report(report, checkpoint=checkpoint)


class RetrainingRun:
    """The training of one network from scratch, epoch by epoch.

    Args:
        architecture: The network's config.
        seed: Seeds the initial weights, the order of the data and everything drawn in training.
        task: The settings.
        device: Where the network is trained.
    """

    def __init__(
        self, architecture: dict[str, Any], seed: int, task: OneShotTask, device: torch.device
    ) -> None:
        self._task = task
        self._seed = seed
        self._device = device
        self.epoch = 0
        """The number of epochs done."""
        with seeded(seed):
            self.network = task.space.build(architecture).to(device)
        steps = task.retrain_epochs * count_batches(task.train_data, task.batch_size)
        self._optimizer = task.optimization.optimizer(self.network.parameters(), steps)

    def train_epoch(self) -> float:
        """Trains for an epoch; returns the mean training loss of its batches.

        Raises:
            FloatingPointError: The training loss is not finite.
        """
        self.epoch += 1
        self.network.train()
        total = 0.0
        number = 0
        with seeded(self._seed + 1000 * self.epoch):
            generator = torch.Generator().manual_seed(self._seed + self.epoch)
            for batch in training_batches(
                self._task.train_data, self._task.batch_size, generator, self._device
            ):
                total += self._step(batch)
                number += 1
                if not math.isfinite(total):
                    raise FloatingPointError(
                        f"the training loss became {total} in epoch {self.epoch} of "
                        f"{self._task.retrain_epochs}: lower learning_rate"
                    )
        return total / number

    def _step(self, batch: Batch) -> float:
        inputs, targets = batch
        self._optimizer.zero_grad()
        with batch_norm_errors(targets):
            loss = self._task.loss(forward(self.network, inputs), targets)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.item()

    def evaluate(self) -> dict[str, Any]:
        """Metrics on the validation data, after the last epoch also on the test data.

        `reported_on` says which, "validation" or "test".
        """
        task = self._task
        metrics: dict[str, Any] = {"reported_on": "validation"}
        metrics |= evaluate(self.network, task.val_data, task.loss, self._device)
        if self.epoch == task.retrain_epochs and task.test_data is not None:
            test = evaluate(self.network, task.test_data, task.loss, self._device)
            metrics |= {f"test_{name}": value for name, value in test.items()}
            metrics["reported_on"] = "test"
        return metrics

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """The weights and the optimizer's state; names begin with `weights.` or `optimizer.`."""
        return merge_parts(
            {
                "weights": self.network.state_dict(),
                "optimizer": self._optimizer.state_tensors(),
            }
        )

    def restore(self, checkpoint: tune.Checkpoint) -> None:
        """Continues from a checkpoint with `state_tensors` and the `epoch`."""
        tensors, fields = read_checkpoint(checkpoint)
        self.network.load_state_dict(select_part(tensors, "weights"))
        self._optimizer.load_state_tensors(select_part(tensors, "optimizer"))
        self.epoch = fields["epoch"]
