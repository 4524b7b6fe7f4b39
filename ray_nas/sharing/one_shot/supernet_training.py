"""The training of a supernet, epoch by epoch, so that it can stop after any of them and go on
from a checkpoint.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.sub_network_metrics import freeze_affine, inherited_figures
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.checkpoint import part
from ray_nas.trials.data import (
    Batch,
    Data,
    Loss,
    is_classification,
    number_of_batches,
    random_batches,
    training_batches,
    training_pass,
)
from ray_nas.trials.optimizer import Optimization
from ray_nas.trials.seeding import seed_of, seeded

_REWARD_EXAMPLES: Final = 512
"""Validation examples that a reward is measured on."""


class SupernetTraining:
    """A supernet that is trained on the sub-networks which a strategy draws.

    Everything random in an epoch comes from the seed and the epoch's number, so that a training
    that was resumed gives the weights of one that was not. Its state is `tensors()`, from which
    `take` goes on.

    Args:
        space: The space.
        strategy: Which sub-networks a step trains.
        data: Training data.
        loss: The loss.
        epochs: Passes over the data; a pass has as many steps whatever the strategy, and a step one
            or several paths.
        batch_size: Of data that are tensors.
        optimization: Learning rate, decay and the like.
        calibration_examples: How many training examples, drawn at random, a sub-network's
            batch-norm statistics are counted on.
        affine: Whether batch norms keep a scale and a shift that are learnt.
        seed: Of the initial weights, the paths and the order of the data.
        device: Where the supernet is trained.
    """

    def __init__(
        self,
        space: ModelSpace,
        strategy: PathStrategy,
        data: Data,
        loss: Loss,
        *,
        epochs: int,
        batch_size: int,
        optimization: Optimization,
        calibration_examples: int = 512,
        affine: bool = False,
        seed: int = 0,
        device: torch.device | None = None,
    ) -> None:
        self.strategy, self.epochs, self.epoch = strategy, epochs, 0
        self._space, self._data, self._loss, self._batch_size, self._seed = (
            space,
            data,
            loss,
            batch_size,
            seed,
        )
        self._device = device or torch.device("cpu")
        with seeded(seed):
            self.supernet = space.supernet().to(self._device)
        if not affine:
            with torch.no_grad():
                freeze_affine(space, self.supernet)
        steps = epochs * number_of_batches(data, batch_size)
        self._optimizer = optimization.optimizer(
            (weight for weight in self.supernet.parameters() if weight.requires_grad), steps
        )
        self._calibration_examples = calibration_examples
        self._calibration: list[Batch] | None = None

    @property
    def calibration(self) -> Sequence[Batch]:
        """The training examples for batch-norm statistics, the same for all sub-networks."""
        if self._calibration is None:
            seed = seed_of(self._seed, 0)
            self._calibration = random_batches(
                self._data, self._calibration_examples, self._batch_size, seed, self._device
            )
        return self._calibration

    def run_epoch(self) -> float:
        """Trains for one more epoch.

        Returns:
            The mean training loss of the paths.

        Raises:
            FloatingPointError: It is no longer finite.
        """
        rng = np.random.default_rng([self._seed, self.epoch])
        total, number = 0.0, 0
        with seeded(self._seed + 1000 * (self.epoch + 1)):
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for inputs, targets in training_batches(
                self._data, self._batch_size, generator, self._device
            ):
                total, number = (
                    total + self._step(self.strategy.paths(rng), inputs, targets),
                    number + 1,
                )
                if not math.isfinite(total):
                    raise FloatingPointError(
                        f"the supernet's training loss became {total} in epoch {self.epoch + 1} of {self.epochs}: lower the learning "
                        "rate, or clip gradients harder; the last checkpoint holds the weights of the epoch before"
                    )
        self.epoch += 1
        return total / number

    def adapt_strategy(self, val_data: Data) -> None:
        """Lets a strategy that learns do so, from rewards on validation examples drawn at
        random, others after each epoch.
        """
        if not self.strategy.learns:
            return
        drawn = random_batches(
            val_data,
            _REWARD_EXAMPLES,
            self._batch_size,
            seed_of(self._seed, self.epoch, 1),
            self._device,
        )

        def reward(config: Config) -> float:
            found = self.figures(config, drawn)
            return found.get("accuracy", -found["loss"])

        self.strategy.after_epoch(reward)

    def figures(self, config: Mapping[str, Any], data: Data | list[Batch]) -> dict[str, float]:
        """`loss` and, for classes, `accuracy` of a sub-network with the weights as they are."""
        return inherited_figures(
            self.supernet, config, self.calibration, data, self._loss, self._device
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights, optimizer and strategy, by names that begin with `weights.`, `optimizer.` and
        `strategy.`.
        """
        parts = {
            "weights": self.supernet.state_dict(),
            "optimizer": self._optimizer.tensors(),
            "strategy": self.strategy.tensors(),
        }
        return {
            f"{part}.{name}": tensor
            for part, tensors in parts.items()
            for name, tensor in tensors.items()
        }

    def take(self, tensors: Mapping[str, torch.Tensor], epoch: int) -> None:
        """Goes on from what `tensors` gave after `epoch` epochs."""
        self.supernet.load_state_dict(part(tensors, "weights"))
        self._optimizer.take(part(tensors, "optimizer"))
        self.strategy.take(part(tensors, "strategy"))
        self.epoch = epoch

    def _step(self, paths: Sequence[Config], inputs: Any, targets: torch.Tensor) -> float:
        self.supernet.train()
        self._optimizer.zero_grad()
        total, teacher = 0.0, None
        for path in paths:
            with training_pass(targets):
                outputs = self.supernet(inputs, path)
            loss = (
                self._loss(outputs, targets)
                if teacher is None
                else _distilled(outputs, teacher, targets)
            )
            torch.autograd.backward(loss)
            total += loss.item() / len(paths)
            if self.strategy.distils and teacher is None:
                teacher = outputs.detach()
        self._optimizer.step()
        return total


def _distilled(outputs: torch.Tensor, teacher: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The loss against what the largest sub-network says: cross-entropy of classes, else the
    squared difference.
    """
    if is_classification(outputs, targets):
        return nn.functional.cross_entropy(outputs, teacher.softmax(1))
    return nn.functional.mse_loss(outputs, teacher)
