"""Weights and alphas in turn, step by step: the search by gradients itself, epoch by epoch (DARTS,
first order).

DARTS (Liu, Simonyan & Yang, 2019), https://arxiv.org/abs/1806.09055; weights alone at first after
PC-DARTS (Xu et al., 2020), https://arxiv.org/abs/1907.05737; stopping before skip connections take
over after DARTS+ (Liang et al., 2019), https://arxiv.org/abs/1909.06035
"""

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from ray_nas.checks import check_float, check_int
from ray_nas.sharing.differentiable.mixture import Mixture
from ray_nas.sharing.differentiable.relaxations import RELAXATIONS, beta_loss
from ray_nas.sharing.one_shot.sub_network_metrics import recalibrate
from ray_nas.spaces import ModelSpace
from ray_nas.spaces.core.search_space import Config
from ray_nas.trials.checkpoint import part, read_checkpoint, write_checkpoint
from ray_nas.trials.data import (
    Batch,
    Data,
    Loss,
    figures,
    random_batches,
    training_batches,
    training_pass,
)
from ray_nas.trials.optimizer import optimizer_tensors, take_optimizer_tensors
from ray_nas.trials.seeding import seed_of, seeded

_LEAST_LEARNING_RATE: Final = 1e-3
_CLIP: Final = 5.0
_PATIENCE: Final = 3
"""Epochs in a row with too many skip connections that end a search."""
_CALIBRATION: Final = 512
"""Training examples, drawn at random, from which batch norms take the statistics of one
architecture.
"""

logger = logging.getLogger(__name__)


class BilevelSearch:
    """A search by gradients; the arguments are those of `differentiable_trainable`, which has
    their defaults.
    """

    def __init__(
        self,
        space: ModelSpace,
        *,
        train_data: Data,
        val_data: Data,
        loss: Loss,
        method: str,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        alpha_learning_rate: float,
        alpha_weight_decay: float,
        warmup: float,
        beta_decay: float,
        max_skip_share: float,
        seed: int,
    ) -> None:
        if method not in RELAXATIONS:
            raise ValueError(f"method must be one of {', '.join(RELAXATIONS)}, got {method!r}")
        check_int("epochs", epochs, low=1)
        check_int("batch_size", batch_size, low=1)
        check_float("beta_decay", beta_decay, low=0)
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup must be in [0, 1), got {warmup}")
        if not 0 < max_skip_share <= 1:
            raise ValueError(f"max_skip_share must be in (0, 1], got {max_skip_share}")
        self._relaxation = RELAXATIONS[method]
        self._train_data, self._val_data, self._loss, self._batch_size = (
            train_data,
            val_data,
            loss,
            batch_size,
        )
        self._epochs, self._learning_rate, self._beta_decay = epochs, learning_rate, beta_decay
        self._warmup, self._max_skip_share, self._seed = warmup, max_skip_share, seed
        self._device = torch.device("cpu")
        with seeded(seed_of(seed, 0)):
            self._mixture = Mixture(space)
        weights = [tensor for tensor in self._mixture.network.parameters() if tensor.requires_grad]
        self._optimizers = {
            "weights": torch.optim.SGD(
                weights, learning_rate, momentum=0.9, weight_decay=weight_decay
            ),
            "alphas": torch.optim.Adam(
                self._mixture.alphas,
                alpha_learning_rate,
                betas=(0.5, 0.999),
                weight_decay=alpha_weight_decay,
            ),
        }
        self._done, self._over = 0, 0

    def to(self, device: str) -> None:
        """Moves the search to a device."""
        self._device = torch.device(device)
        self._mixture.to(self._device)

    @property
    def done(self) -> bool:
        """Whether the search has ended."""
        return self._done == self._epochs or self._over == _PATIENCE

    def epoch(self) -> dict[str, Any]:
        """Trains for an epoch; returns its metrics.

        Raises:
            FloatingPointError: The loss is no finite number.
        """
        with seeded(seed_of(self._seed, self._done + 1)):
            self._train()
            self._done += 1
            skips = self._mixture.skip_share(self._mixture.architecture())
            if (
                self._done > self._warmup * self._epochs
            ):  # before, the largest alpha is a matter of chance
                self._over = self._over + 1 if skips > self._max_skip_share else 0
            architecture = self._mixture.architecture(self._max_skip_share)
            found = self._judged(architecture)
        warning = ""
        if self._over == _PATIENCE:
            warning = f"skip connections took over: {skips:.0%} of the choices that offer one, more than max_skip_share = {self._max_skip_share:.0%}"
            logger.warning("%s in epoch %d (seed %s)", warning, self._done, self._seed)
        return {
            **found,
            "epoch": self._done,
            "architecture": json.dumps(architecture),
            "skip_share": skips,
            "entropy": self._entropy(),
            "collapse": int(self._over == _PATIENCE),
            "warning": warning,
        }

    def _train(self) -> None:
        """One pass: a step of the alphas on a batch of the validation data, then one of the
        weights, and so on.
        """
        mixture, progress = self._mixture.train(), self._done / self._epochs
        floor = min(_LEAST_LEARNING_RATE, self._learning_rate)
        rate = floor + (self._learning_rate - floor) * (1 + math.cos(math.pi * progress)) / 2
        for group in self._optimizers["weights"].param_groups:
            group["lr"] = rate
        others = self._forever(self._val_data)
        for batch in self._batches(self._train_data):
            if progress >= self._warmup:
                loss = self._step_loss(
                    next(others), progress
                ) + self._beta_decay * progress * beta_loss(mixture.alphas)
                self._step("alphas", loss)
            self._step("weights", self._step_loss(batch, progress))

    def _step_loss(self, batch: Batch, progress: float) -> torch.Tensor:
        weights = self._mixture.weights(lambda alpha: self._relaxation(alpha, progress))
        with training_pass(batch[1]):
            loss = self._loss(self._mixture(batch[0], weights), batch[1])
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"loss became {loss.item()} in epoch {self._done + 1}: lower learning_rate = {self._learning_rate}"
            )
        return loss

    def _step(self, name: str, loss: torch.Tensor) -> None:
        optimizer = self._optimizers[name]
        optimizer.zero_grad()
        parameters = optimizer.param_groups[0]["params"]
        loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        if name == "weights":
            nn.utils.clip_grad_norm_(parameters, _CLIP)
        optimizer.step()

    def _judged(self, architecture: Config) -> dict[str, float]:
        """Loss and accuracy on the validation data, with the mixture's weights and batch-norm
        statistics of its own.
        """
        network = self._mixture.subnetwork(architecture).to(self._device)
        seed = seed_of(self._seed, self._done, 1)
        recalibrate(
            network,
            random_batches(self._train_data, _CALIBRATION, self._batch_size, seed, self._device),
        )
        return figures(network, self._val_data, self._loss, self._device)

    def _entropy(self) -> float:
        """Mean entropy of the alphas' softmax, in units of the even distribution's."""
        weights = [alpha.detach().softmax(0) for alpha in self._mixture.alphas]
        return sum(
            float(-(weight * weight.log()).sum()) / math.log(len(weight)) for weight in weights
        ) / len(weights)

    def _batches(self, data: Data) -> Iterator[Batch]:
        return training_batches(data, self._batch_size, torch.default_generator, self._device)

    def _forever(self, data: Data) -> Iterator[Batch]:
        while True:
            yield from self._batches(data)

    def save(self, folder: Path) -> None:
        """Writes all that the search needs to go on."""
        parts = {
            "mixture": self._mixture.state_dict(),
            **{name: optimizer_tensors(own) for name, own in self._optimizers.items()},
        }
        tensors = {
            f"{kind}.{name}": tensor for kind, own in parts.items() for name, tensor in own.items()
        }
        write_checkpoint(folder, tensors, {"done": self._done, "over": self._over})

    def load(self, folder: Path) -> None:
        """Takes what `save` wrote."""
        tensors, fields = read_checkpoint(folder)
        self._mixture.load_state_dict(part(tensors, "mixture"))
        for name, optimizer in self._optimizers.items():
            take_optimizer_tensors(optimizer, part(tensors, name))
        self._done, self._over = fields["done"], fields["over"]
