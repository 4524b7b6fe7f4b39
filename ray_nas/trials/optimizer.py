"""An optimizer with a cosine schedule and gradient clipping, whose state is named tensors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ray_nas.trials.state_tensors import load_optimizer_tensors, optimizer_tensors

MakeOptimizer = Callable[[list[nn.Parameter], float], torch.optim.Optimizer]
"""Makes an optimizer for parameters, at a learning rate."""


def nesterov(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum 0.9 and weight decay 5e-4, as in NAS-Bench-201."""
    return torch.optim.SGD(
        parameters, learning_rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )


@dataclass(frozen=True)
class Optimization:
    """How weights are trained.

    Args:
        learning_rate: The initial one; it falls to 0 along a cosine.
        make_optimizer: Makes the optimizer.
        clip: The largest norm of the gradient; larger ones are scaled down.

    Example:
        >>> optimizer = Optimization(0.1).optimizer([nn.Parameter(torch.ones(2))], steps=10)
        >>> optimizer.learning_rate
        0.1
    """

    learning_rate: float
    make_optimizer: MakeOptimizer = nesterov
    clip: float = 5.0

    def optimizer(self, parameters: Iterable[nn.Parameter], steps: int) -> "CosineOptimizer":
        """An optimizer for a training of `steps` steps."""
        return CosineOptimizer(list(parameters), self, steps)


class CosineOptimizer:
    """An optimizer together with its learning-rate schedule and gradient clipping.

    Args:
        parameters: The parameters to train.
        optimization: Learning rate, optimizer and clipping.
        steps: The number of steps after which the learning rate is 0.
    """

    def __init__(
        self, parameters: list[nn.Parameter], optimization: Optimization, steps: int
    ) -> None:
        self._parameters = parameters
        self._clip = optimization.clip
        self._optimizer = optimization.make_optimizer(parameters, optimization.learning_rate)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, max(steps, 1))

    @property
    def learning_rate(self) -> float:
        """The current learning rate of the first parameter group."""
        return float(self._optimizer.param_groups[0]["lr"])

    def zero_grad(self) -> None:
        """Clears the gradients."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Updates the parameters that have a gradient, then the learning rate."""
        nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimizer.step()
        self._schedule.step()

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """The state as tensors: the number of steps done, and the optimizer's own."""
        return {
            "steps": torch.tensor(self._schedule.last_epoch),
            **optimizer_tensors(self._optimizer),
        }

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restores tensors returned by `state_tensors`."""
        load_optimizer_tensors(self._optimizer, tensors)
        steps = int(tensors["steps"])
        self._schedule.last_epoch = steps
        angle = torch.tensor(torch.pi * steps / self._schedule.T_max, dtype=torch.float64)
        share = float((1 + torch.cos(angle)) / 2)
        for group, base in zip(self._optimizer.param_groups, self._schedule.base_lrs, strict=True):
            group["lr"] = base * share
