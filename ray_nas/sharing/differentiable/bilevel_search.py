"""`BilevelSearch`: trains weights and alphas alternately, epoch by epoch (DARTS, first order).

DARTS (Liu, Simonyan & Yang, 2019), https://arxiv.org/abs/1806.09055; a warm-up of the weights as in
PC-DARTS (Xu et al., 2020), https://arxiv.org/abs/1907.05737; early stopping before skip connections
dominate as in DARTS+ (Liang et al., 2019), https://arxiv.org/abs/1909.06035
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
from ray_nas.spaces import ModelSpace
from ray_nas.spaces.core.search_space import Config
from ray_nas.trials.batch_norm import batch_norm_errors, recompute_batch_norm
from ray_nas.trials.checkpoint import read_checkpoint, write_checkpoint
from ray_nas.trials.data import Batch, Data, Loss, random_batches, training_batches
from ray_nas.trials.metrics import evaluate
from ray_nas.trials.seeding import derive_seed, seeded
from ray_nas.trials.state_tensors import (
    load_optimizer_tensors,
    merge_parts,
    optimizer_tensors,
    select_part,
)

_MIN_LEARNING_RATE: Final = 1e-3
_CLIP: Final = 5.0
_PATIENCE: Final = 3
"""Epochs in a row with too many skip connections that end a search."""
_CALIBRATION_EXAMPLES: Final = 512
"""Random training examples for the batch-norm statistics of one architecture."""

logger = logging.getLogger(__name__)


class BilevelSearch:
    """A search by gradients; `differentiable_trainable` documents the arguments.

    Example:
        >>> from ray_nas.spaces import LayerChoice
        >>> space = ModelSpace(
        ...     lambda: nn.Sequential(
        ...         LayerChoice("op", {"tanh": nn.Tanh, "skip": nn.Identity}), nn.Linear(2, 2)
        ...     )
        ... )
        >>> data = torch.rand(8, 2), torch.arange(8) % 2
        >>> search = BilevelSearch(
        ...     space,
        ...     train_data=data,
        ...     val_data=data,
        ...     loss=nn.functional.cross_entropy,
        ...     method="darts",
        ...     epochs=2,
        ...     batch_size=4,
        ...     learning_rate=0.1,
        ...     weight_decay=0.0,
        ...     alpha_learning_rate=0.01,
        ...     alpha_weight_decay=0.0,
        ...     warmup=0.0,
        ...     beta_decay=0.0,
        ...     max_skip_share=1.0,
        ...     seed=0,
        ... )
        >>> while not search.done:
        ...     metrics = search.epoch()
        >>> metrics["epoch"], list(json.loads(metrics["architecture"]))
        (2, ['op'])
    """

    def __init__(
        self,
        space: ModelSpace,
        train_data: Data,
        val_data: Data,
        loss: Loss,
        *,
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
        check_float("warmup", warmup, low=0, below=1)
        check_float("max_skip_share", max_skip_share, above=0, high=1)
        self._relaxation = RELAXATIONS[method]
        self._train_data = train_data
        self._val_data = val_data
        self._loss = loss
        self._epochs = epochs
        self._batch_size = batch_size
        self._learning_rate = learning_rate
        self._warmup = warmup
        self._beta_decay = beta_decay
        self._max_skip_share = max_skip_share
        self._seed = seed
        self._device = torch.device("cpu")
        with seeded(derive_seed(seed, 0)):
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
        self._epochs_done = 0
        self._epochs_over_skip_limit = 0
        """How many epochs in a row the largest alphas have exceeded `max_skip_share`."""

    def to(self, device: str) -> None:
        """Moves the search to a device."""
        self._device = torch.device(device)
        self._mixture.to(self._device)

    @property
    def done(self) -> bool:
        """Whether the search has ended: all epochs are done, or skip connections dominate."""
        return self._epochs_done == self._epochs or self._has_collapsed

    @property
    def _has_collapsed(self) -> bool:
        return self._epochs_over_skip_limit == _PATIENCE

    def epoch(self) -> dict[str, Any]:
        """Trains for an epoch; returns its metrics.

        Raises:
            FloatingPointError: The loss is not finite.
        """
        with seeded(derive_seed(self._seed, self._epochs_done + 1)):
            self._train()
            self._epochs_done += 1
            skip_share = self._mixture.skip_share(self._mixture.architecture())
            self._count_skip_limit(skip_share)
            architecture = self._mixture.architecture(self._max_skip_share)
            metrics = self._evaluate_architecture(architecture)
        return {
            **metrics,
            "epoch": self._epochs_done,
            "architecture": json.dumps(architecture),
            "skip_share": skip_share,
            "entropy": self._entropy(),
            "collapse": int(self._has_collapsed),
            "warning": self._warn(skip_share) if self._has_collapsed else "",
        }

    def _count_skip_limit(self, skip_share: float) -> None:
        # During the warm-up, the largest alpha is random.
        if self._epochs_done <= self._warmup * self._epochs:
            return
        is_over = skip_share > self._max_skip_share
        self._epochs_over_skip_limit = self._epochs_over_skip_limit + 1 if is_over else 0

    def _warn(self, skip_share: float) -> str:
        warning = (
            f"skip connections took over: {skip_share:.0%} of the choices that offer one, "
            f"more than max_skip_share = {self._max_skip_share:.0%}"
        )
        logger.warning("%s in epoch %d (seed %s)", warning, self._epochs_done, self._seed)
        return warning

    def _train(self) -> None:
        """One epoch: alternates alpha steps on validation and weight steps on training batches."""
        mixture = self._mixture.train()
        progress = self._epochs_done / self._epochs
        self._set_learning_rate(progress)
        val_batches = self._endless_batches(self._val_data)
        for batch in self._batches(self._train_data):
            if progress >= self._warmup:
                loss = self._step_loss(next(val_batches), progress)
                loss = loss + self._beta_decay * progress * beta_loss(mixture.alphas)
                self._step("alphas", loss)
            self._step("weights", self._step_loss(batch, progress))

    def _set_learning_rate(self, progress: float) -> None:
        low = min(_MIN_LEARNING_RATE, self._learning_rate)
        rate = low + (self._learning_rate - low) * (1 + math.cos(math.pi * progress)) / 2
        for group in self._optimizers["weights"].param_groups:
            group["lr"] = rate

    def _step_loss(self, batch: Batch, progress: float) -> torch.Tensor:
        weights = self._mixture.weights(lambda alpha: self._relaxation(alpha, progress))
        with batch_norm_errors(batch[1]):
            loss = self._loss(self._mixture(batch[0], weights), batch[1])
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"loss became {loss.item()} in epoch {self._epochs_done + 1}: "
                f"lower learning_rate = {self._learning_rate}"
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

    def _evaluate_architecture(self, architecture: Config) -> dict[str, float]:
        """Validation metrics with the mixture's weights and recomputed batch-norm statistics."""
        network = self._mixture.subnetwork(architecture).to(self._device)
        batches = random_batches(
            self._train_data,
            _CALIBRATION_EXAMPLES,
            self._batch_size,
            derive_seed(self._seed, self._epochs_done, 1),
            self._device,
        )
        recompute_batch_norm(network, batches)
        return evaluate(network, self._val_data, self._loss, self._device)

    def _entropy(self) -> float:
        """Mean entropy of the alphas' softmax, relative to a uniform distribution's."""
        entropies = []
        for alpha in self._mixture.alphas:
            weight = alpha.detach().softmax(0)
            entropies.append(float(-(weight * weight.log()).sum()) / math.log(len(weight)))
        return sum(entropies) / len(entropies)

    def _batches(self, data: Data) -> Iterator[Batch]:
        return training_batches(data, self._batch_size, torch.default_generator, self._device)

    def _endless_batches(self, data: Data) -> Iterator[Batch]:
        while True:
            yield from self._batches(data)

    def save(self, folder: Path) -> None:
        """Writes the state into an existing folder."""
        optimizers = {name: optimizer_tensors(each) for name, each in self._optimizers.items()}
        tensors = merge_parts({"mixture": self._mixture.state_dict(), **optimizers})
        fields = {
            "epochs_done": self._epochs_done,
            "epochs_over_skip_limit": self._epochs_over_skip_limit,
        }
        write_checkpoint(folder, tensors, fields)

    def load(self, folder: Path) -> None:
        """Restores a state written by `save`."""
        tensors, fields = read_checkpoint(folder)
        self._mixture.load_state_dict(select_part(tensors, "mixture"))
        for name, optimizer in self._optimizers.items():
            load_optimizer_tensors(optimizer, select_part(tensors, name))
        self._epochs_done = fields["epochs_done"]
        self._epochs_over_skip_limit = fields["epochs_over_skip_limit"]
