"""Trains a supernet, epoch by epoch; after each, its state can be saved and restored."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.sharing.one_shot.sub_network_metrics import evaluate_sub_network
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.spaces.model.supernet import Supernet
from ray_nas.trials.batch_norm import batch_norm_errors
from ray_nas.trials.data import Batch, Data, Loss, count_batches, random_batches, training_batches
from ray_nas.trials.metrics import is_classification
from ray_nas.trials.optimizer import Optimization
from ray_nas.trials.seeding import derive_seed, seeded
from ray_nas.trials.state_tensors import merge_parts, select_part

_REWARD_EXAMPLES: Final = 512
"""Validation examples on which the path strategy's rewards are measured."""


class SupernetTraining:
    """Trains a supernet on the sub-networks that a path strategy draws.

    Everything random in an epoch comes from the seed and the epoch's number, so a resumed training
    gives the same weights as an uninterrupted one. `state_tensors` returns its state.

    Args:
        space: The search space.
        strategy: Draws the sub-networks of each step.
        data: Training data.
        loss: The mean loss of a batch.
        epochs: Passes over the data. Their number of steps does not depend on the strategy; a step
            trains one or several paths.
        batch_size: Examples per batch; only for tensors.
        optimization: Learning rate, optimizer and clipping.
        calibration_examples: Number of random training examples from which a sub-network's
            batch-norm statistics are recomputed.
        affine: Whether batch norms learn a scale and a shift.
        seed: Seeds the initial weights, the paths and the order of the data.
        device: Where the supernet is trained; the default is the CPU.

    Example:
        >>> from ray_nas.sharing.one_shot.paths.single_path import SinglePath
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201(channels=2, cells_per_stage=1, num_classes=2, in_channels=1)
        >>> data = torch.rand(8, 1, 8, 8), torch.arange(8) % 2
        >>> training = SupernetTraining(
        ...     space,
        ...     SinglePath(space, 0),
        ...     data,
        ...     nn.functional.cross_entropy,
        ...     epochs=2,
        ...     batch_size=4,
        ...     optimization=Optimization(0.1),
        ... )
        >>> train_loss = training.run_epoch()
        >>> sorted(training.evaluate(space.sample(random_state=1), data))
        ['accuracy', 'calibrated_loss', 'loss']
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
        self.strategy = strategy
        self.epochs = epochs
        self.epoch = 0
        """The number of epochs done."""
        self._data = data
        self._loss = loss
        self._batch_size = batch_size
        self._seed = seed
        self._device = device or torch.device("cpu")
        with seeded(seed):
            self.supernet = space.supernet().to(self._device)
        if not affine:
            _freeze_affine(space, self.supernet)
        trained = (weight for weight in self.supernet.parameters() if weight.requires_grad)
        self._optimizer = optimization.optimizer(trained, epochs * count_batches(data, batch_size))
        self._calibration_examples = calibration_examples
        self._calibration: list[Batch] | None = None

    @property
    def calibration_batches(self) -> Sequence[Batch]:
        """Training batches for batch-norm statistics, the same for all sub-networks."""
        if self._calibration is None:
            self._calibration = random_batches(
                self._data,
                self._calibration_examples,
                self._batch_size,
                derive_seed(self._seed, 0),
                self._device,
            )
        return self._calibration

    def run_epoch(self) -> float:
        """Trains for one more epoch; returns the mean training loss of the paths.

        Raises:
            FloatingPointError: The training loss is not finite.
        """
        rng = np.random.default_rng([self._seed, self.epoch])
        total = 0.0
        number = 0
        with seeded(self._seed + 1000 * (self.epoch + 1)):
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for batch in training_batches(self._data, self._batch_size, generator, self._device):
                total += self._step(self.strategy.paths(rng), *batch)
                number += 1
                if not math.isfinite(total):
                    raise FloatingPointError(
                        f"the supernet's training loss became {total} in epoch {self.epoch + 1} of "
                        f"{self.epochs}: lower the learning rate, or clip gradients harder; the "
                        "last checkpoint has the weights of the previous epoch"
                    )
        self.epoch += 1
        return total / number

    def adapt_strategy(self, val_data: Data) -> None:
        """Lets the strategy learn, if it does, from its sub-networks' rewards.

        The reward is the accuracy, or minus the loss for other targets than classes, on random
        validation examples; each epoch draws others.
        """
        if not self.strategy.learns_between_epochs:
            return
        drawn = random_batches(
            val_data,
            _REWARD_EXAMPLES,
            self._batch_size,
            derive_seed(self._seed, self.epoch, 1),
            self._device,
        )

        def reward(config: Config) -> float:
            metrics = self.evaluate(config, drawn)
            return metrics.get("accuracy", -metrics["loss"])

        self.strategy.after_epoch(reward)

    def evaluate(self, config: Mapping[str, Any], data: Data | list[Batch]) -> dict[str, float]:
        """The metrics of a sub-network with the current weights; see `evaluate_sub_network`."""
        return evaluate_sub_network(
            self.supernet, config, self.calibration_batches, data, self._loss, self._device
        )

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """The state; names begin with `weights.`, `optimizer.` or `strategy.`."""
        return merge_parts(
            {
                "weights": self.supernet.state_dict(),
                "optimizer": self._optimizer.state_tensors(),
                "strategy": self.strategy.state_tensors(),
            }
        )

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor], epoch: int) -> None:
        """Continues from tensors that `state_tensors` returned after `epoch` epochs."""
        self.supernet.load_state_dict(select_part(tensors, "weights"))
        self._optimizer.load_state_tensors(select_part(tensors, "optimizer"))
        self.strategy.load_state_tensors(select_part(tensors, "strategy"))
        self.epoch = epoch

    def _step(self, paths: Sequence[Config], inputs: Any, targets: torch.Tensor) -> float:
        self.supernet.train()
        self._optimizer.zero_grad()
        total = 0.0
        teacher: torch.Tensor | None = None
        for path in paths:
            with batch_norm_errors(targets):
                outputs = self.supernet(inputs, path)
            if teacher is None:
                loss = self._loss(outputs, targets)
            else:
                loss = _distillation_loss(outputs, teacher, targets)
            torch.autograd.backward(loss)
            total += loss.item() / len(paths)
            if self.strategy.distils and teacher is None:
                teacher = outputs.detach()
        self._optimizer.step()
        return total


def _distillation_loss(
    outputs: torch.Tensor, teacher: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy with the teacher's classes, or the squared difference for other targets."""
    if is_classification(outputs, targets):
        return nn.functional.cross_entropy(outputs, teacher.softmax(1))
    return nn.functional.mse_loss(outputs, teacher)


@torch.no_grad()
def _freeze_affine(space: ModelSpace, supernet: Supernet) -> None:
    """Fixes the scale of the supernet's batch norms at 1 and their shift at 0.

    Learnt ones would fit the sub-networks of the last steps (Liu et al., 2019, DARTS;
    NAS-Bench-201's baselines).
    """
    with torch.device("meta"):
        layers = space.build_all({}).named_modules()
    for path, layer in layers:
        if isinstance(layer, _BatchNorm) and layer.affine:
            for name, value in (("weight", 1.0), ("bias", 0.0)):
                parameter = supernet.get_parameter(f"{path}.{name}")
                parameter.requires_grad_(False).fill_(value)
