"""How weights are trained: an optimizer under a cosine, with clipped gradients, whose state is
named tensors.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

MakeOptimizer = Callable[[list[nn.Parameter], float], torch.optim.Optimizer]
"""Makes an optimizer of parameters at a learning rate."""


def nesterov(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum .9 and weight decay 5e-4, NAS-Bench-201's recipe."""
    return torch.optim.SGD(
        parameters, learning_rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )


@dataclass(frozen=True)
class Optimization:
    """How weights are trained.

    Args:
        learning_rate: At the start; it falls to 0 along a cosine.
        make_optimizer: Makes the optimizer.
        clip: Largest norm of the gradient.
    """

    learning_rate: float
    make_optimizer: MakeOptimizer = nesterov
    clip: float = 5.0

    def optimizer(self, parameters: Iterable[nn.Parameter], steps: int) -> "CosineOptimizer":
        """The optimizer for a training of so many steps."""
        return CosineOptimizer(list(parameters), self, steps)


class CosineOptimizer:
    """An optimizer together with its schedule and its clipping."""

    def __init__(
        self, parameters: list[nn.Parameter], optimization: Optimization, steps: int
    ) -> None:
        self._parameters, self._clip = parameters, optimization.clip
        self._optimizer = optimization.make_optimizer(parameters, optimization.learning_rate)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, max(steps, 1))

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Moves the parameters that have a gradient."""
        nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimizer.step()
        self._schedule.step()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state as tensors: the steps made, and what the optimizer keeps of each parameter."""
        return {
            "steps": torch.tensor(self._schedule.last_epoch),
            **optimizer_tensors(self._optimizer),
        }

    def take(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes what `tensors` gave."""
        take_optimizer_tensors(self._optimizer, tensors)
        steps = int(tensors["steps"])
        self._schedule.last_epoch = steps
        for group, base in zip(self._optimizer.param_groups, self._schedule.base_lrs, strict=True):
            ratio = (
                1
                + torch.cos(
                    torch.tensor(torch.pi * steps / self._schedule.T_max, dtype=torch.float64)
                )
            ) / 2
            group["lr"] = base * float(ratio)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What an optimizer keeps of each parameter, by the parameter's number, a dot and the name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, entry in state.items()
        for name, value in entry.items()
        if isinstance(value, torch.Tensor)
    }


def take_optimizer_tensors(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Takes what `optimizer_tensors` gave; names without a number are left out."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        if name:
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
