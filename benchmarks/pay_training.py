"""Training and scoring a network in `does_it_pay.py`, the same in all arms."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pay_spaces import build
from pay_tasks import Part, Task
from torch import nn

from ray_nas.spaces import ModelSpace


def train(
    network: nn.Module, part: Part, config: dict[str, Any], epochs: int, seed: int
) -> Iterator[int]:
    """Trains with AdamW, one learning rate cycle, and mixup (Zhang et al., 2018).

    Args:
        network: Trained in place.
        part: Training data.
        config: Holds `lr`, `decay`, `batch` and `mixup` (alpha; 0 for none).
        epochs: Passes over the data.
        seed: Seed of the batches and of mixup.

    Yields:
        The number of each finished pass.

    Raises:
        ArithmeticError: The loss is not finite.
    """
    inputs, targets = part
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    size = min(config["batch"], len(targets))
    batches = max(1, len(targets) // size)  # the rest of a pass would be a batch of one or two
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config["lr"], weight_decay=config["decay"]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config["lr"], total_steps=epochs * batches
    )
    for epoch in range(1, epochs + 1):
        network.train()
        order = torch.randperm(len(targets), generator=generator)
        for batch in order.split(size)[:batches]:
            share = rng.beta(config["mixup"], config["mixup"]) if config["mixup"] > 0.01 else 1.0
            other = batch[torch.randperm(len(batch), generator=generator)]
            outputs = network(share * inputs[batch] + (1 - share) * inputs[other])
            loss = share * _loss(outputs, targets[batch])
            if share < 1:
                loss = loss + (1 - share) * _loss(outputs, targets[other])
            if not torch.isfinite(loss):
                raise ArithmeticError(f"the loss is {loss.item()} in epoch {epoch}")
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
        yield epoch


@torch.no_grad()
def figures(network: nn.Module, part: Part) -> tuple[float, float]:
    """The points of a network, and its loss.

    Points are the accuracy in percent; of a regression, 100 R^2 with the variance of this part.
    """
    network.eval()
    outputs = torch.cat([network(inputs) for inputs in part[0].split(500)])
    loss = float(_loss(outputs, part[1]))
    if part[1].is_floating_point():
        return 100 * (1 - loss / float(part[1].var(correction=0))), loss
    return 100 * float((outputs.argmax(1) == part[1]).double().mean()), loss


def constant(part: Part, train: Part) -> float:
    """The points of the constant predictor: the most frequent class, or the mean."""
    if part[1].is_floating_point():
        error = float(((part[1] - train[1].mean()) ** 2).mean())
        return 100 * (1 - error / float(part[1].var(correction=0)))
    return 100 * float((part[1] == train[1].mode().values).double().mean())


def trained(
    space: ModelSpace, config: dict[str, Any], task: Task, epochs: int, seed: int
) -> nn.Module:
    """A network trained on training and validation data."""
    torch.manual_seed(seed)
    network = build(space, config)
    for _ in train(network, task.both, config, epochs, seed):
        pass
    return network


def retrained(
    space: ModelSpace, config: dict[str, Any], task: Task, epochs: int, seed: int
) -> float:
    """The test points of a network trained on training and validation data.

    A failed training scores as the constant predictor.
    """
    try:
        return figures(trained(space, config, task, epochs, seed), task.test)[0]
    except (ArithmeticError, ValueError, RuntimeError) as error:
        print(f"{task.name}: a retraining failed: {error!r}", flush=True)
        return constant(task.test, task.both)


def _loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if targets.is_floating_point():
        return nn.functional.mse_loss(outputs[:, 0], targets)
    return nn.functional.cross_entropy(outputs, targets)
