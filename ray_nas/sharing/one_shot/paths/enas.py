"""ENAS: efficient architecture search via parameter sharing (Pham et al., 2018):
https://arxiv.org/abs/1802.03268.

The recurrent controller and the shared weights are trained in turn: an epoch of the weights on
sub-networks that the controller draws, then steps of REINFORCE on the controller, whose reward is a
sub-network's figure on a batch of validation data with the weights as they are.
"""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import numpy as np
import torch

from ray_nas.searchers.models.controller import Controller
from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace
from ray_nas.trials.checkpoint import part
from ray_nas.trials.optimizer import optimizer_tensors, take_optimizer_tensors

_HIDDEN: Final = 64
_LEARNING_RATE: Final = 0.01
_ENTROPY_WEIGHT: Final = 1e-2
_DECAY: Final = 0.95
"""Of the moving baseline."""
_SAMPLES: Final = 16
"""Sub-networks whose rewards make the controller's step after an epoch."""
_DRAWS: Final = 8
"""Configs drawn at a time; forbidden clauses may leave none of one."""


class SharedController(PathStrategy):
    """One sub-network a step, drawn by a controller that learns between epochs.

    Rewards are centred by the moving baseline of the paper and scaled by their own spread. The
    controller's step is one an epoch, with a larger learning rate and entropy bonus than the
    paper's hundreds of steps.

    Args:
        space: The space.
        seed: Of the controller's weights and draws.
    """

    learns: ClassVar[bool] = True

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._controller = Controller(space, _HIDDEN, self._generator)
        self._optimizer = torch.optim.Adam(self._controller.parameters(), lr=_LEARNING_RATE)
        self._baseline = math.nan

    @property
    def note(self) -> str:
        """What it does in this space."""
        return f"one path a step, drawn by a controller that learns from {_SAMPLES} rewards after each epoch"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One config of the controller."""
        return [self._draw()]

    def after_epoch(self, reward: Callable[[Config], float]) -> None:
        """A step of REINFORCE on `_SAMPLES` sub-networks."""
        configs = [self._draw() for _ in range(_SAMPLES)]
        rewards = torch.tensor([float(reward(config)) for config in configs])
        finite = rewards.isfinite()
        if not finite.any():
            return
        mean = float(rewards[finite].mean())
        self._baseline = (
            mean if math.isnan(self._baseline) else _DECAY * self._baseline + (1 - _DECAY) * mean
        )
        advantages = (rewards[finite] - self._baseline) / (rewards[finite].std(correction=0) + 1e-6)
        log_probs, entropies = self._controller(self._controller.encode(configs))
        loss = -(advantages * log_probs[finite]).mean() - _ENTROPY_WEIGHT * entropies.mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def favourites(self, number: int) -> list[Config]:
        """Distinct draws of the controller; fewer than `number` once it has settled."""
        found: dict[str, Config] = {}
        for config in (self._draw() for _ in range(4 * number)):
            if len(found) < number:
                found.setdefault(self._space.canonical(config), config)
        return list(found.values())

    def tensors(self) -> dict[str, torch.Tensor]:
        """Controller, optimizer, generator and baseline."""
        moments = {
            f"adam.{name}": tensor for name, tensor in optimizer_tensors(self._optimizer).items()
        }
        return {
            **self._controller.state_dict(prefix="controller."),
            **moments,
            "generator": self._generator.get_state(),
            "baseline": torch.tensor(self._baseline, dtype=torch.float64),
        }

    def take(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes what `tensors` gave."""
        self._controller.load_state_dict(part(tensors, "controller"))
        take_optimizer_tensors(self._optimizer, part(tensors, "adam"))
        self._generator.set_state(tensors["generator"])
        self._baseline = float(tensors["baseline"])

    def _draw(self) -> Config:
        configs = self._controller.sample(1) or self._controller.sample(_DRAWS)
        return (
            configs[0]
            if configs
            else self._space.sample(
                random_state=int(torch.randint(2**31, (1,), generator=self._generator))
            )
        )
