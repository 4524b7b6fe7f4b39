"""ENAS: efficient architecture search via parameter sharing (Pham et al., 2018).

https://arxiv.org/abs/1802.03268. The recurrent controller and the shared weights are trained
alternately: an epoch of the weights on sub-networks that the controller draws, then a REINFORCE
step of the controller, whose reward is a sub-network's metric on random validation examples with
the current weights.
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
from ray_nas.trials.state_tensors import (
    load_optimizer_tensors,
    merge_parts,
    optimizer_tensors,
    select_part,
)

_HIDDEN: Final = 64
"""Width of the controller."""
_LEARNING_RATE: Final = 0.01
_ENTROPY_WEIGHT: Final = 1e-2
_DECAY: Final = 0.95
"""Decay of the moving baseline."""
_SAMPLES: Final = 16
"""Sub-networks per step of the controller."""
_DRAWS: Final = 8
"""Configs to draw at a time if a single one is invalid."""


class Enas(PathStrategy):
    """One sub-network per step, drawn by a controller that learns between epochs.

    Rewards are centred by the paper's moving baseline and scaled by their standard deviation. The
    controller makes one step per epoch, with a larger learning rate and entropy bonus than in the
    paper, which makes hundreds.

    Args:
        space: The supernet's space.
        seed: Seeds the controller's weights and draws.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> strategy = Enas(NASBench201(), seed=0)
        >>> strategy.after_epoch(lambda config: list(config.values()).count("nor_conv_3x3"))
        >>> len(strategy.best_configs(3))
        3
    """

    learns_between_epochs: ClassVar[bool] = True

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._controller = Controller(space, _HIDDEN, self._generator)
        self._optimizer = torch.optim.Adam(self._controller.parameters(), lr=_LEARNING_RATE)
        self._baseline = math.nan

    @property
    def description(self) -> str:
        """What the strategy does in this space."""
        return (
            "one path per step, drawn by a controller that learns from "
            f"{_SAMPLES} rewards after each epoch"
        )

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One config of the controller."""
        return [self._draw()]

    def after_epoch(self, reward: Callable[[Config], float]) -> None:
        """A REINFORCE step on 16 sub-networks; ignores rewards that are not finite."""
        configs = [self._draw() for _ in range(_SAMPLES)]
        rewards = torch.tensor([float(reward(config)) for config in configs])
        finite = rewards.isfinite()
        if not finite.any():
            return
        # Advantages
        mean = float(rewards[finite].mean())
        if math.isnan(self._baseline):
            self._baseline = mean
        else:
            self._baseline = _DECAY * self._baseline + (1 - _DECAY) * mean
        advantages = (rewards[finite] - self._baseline) / (rewards[finite].std(correction=0) + 1e-6)
        # Policy gradient
        log_probs, entropies = self._controller(self._controller.encode(configs))
        loss = -(advantages * log_probs[finite]).mean() - _ENTROPY_WEIGHT * entropies.mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def best_configs(self, number: int) -> list[Config]:
        """Distinct draws of the controller; fewer than `number` once it has converged."""
        found: dict[str, Config] = {}
        for config in (self._draw() for _ in range(4 * number)):
            if len(found) < number:
                found.setdefault(self._space.canonical(config), config)
        return list(found.values())

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """Controller, optimizer, generator and baseline."""
        return {
            **merge_parts(
                {
                    "controller": self._controller.state_dict(),
                    "adam": optimizer_tensors(self._optimizer),
                }
            ),
            "generator": self._generator.get_state(),
            "baseline": torch.tensor(self._baseline, dtype=torch.float64),
        }

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restores tensors returned by `state_tensors`."""
        self._controller.load_state_dict(select_part(tensors, "controller"))
        load_optimizer_tensors(self._optimizer, select_part(tensors, "adam"))
        self._generator.set_state(tensors["generator"])
        self._baseline = float(tensors["baseline"])

    def _draw(self) -> Config:
        configs = self._controller.sample(1) or self._controller.sample(_DRAWS)
        if configs:
            return configs[0]
        seed = int(torch.randint(2**31, (1,), generator=self._generator))
        config: Config = self._space.sample(random_state=seed)
        return config
