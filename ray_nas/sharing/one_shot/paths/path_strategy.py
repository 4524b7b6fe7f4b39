"""`PathStrategy`: which sub-networks of a supernet a training step trains."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch

from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace


class PathStrategy:
    """Draws the sub-networks ("paths") of each training step. A strategy implements `paths`.

    Args:
        space: The supernet's space.
        seed: Seeds the state of strategies that have one.
    """

    distils: ClassVar[bool] = False
    """Whether the first path of a step learns from the targets and teaches the others (in-place
    distillation)."""
    learns_between_epochs: ClassVar[bool] = False
    """Whether `after_epoch` is called."""

    def __init__(self, space: ModelSpace, seed: int) -> None:
        self._space = space

    @property
    def description(self) -> str:
        """What the strategy does in this space, for the trial's report."""
        raise NotImplementedError

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The sub-networks of the next step; their gradients are summed."""
        raise NotImplementedError

    def after_epoch(self, reward: Callable[[Config], float]) -> None:
        """Learns between epochs.

        Args:
            reward: Measures a sub-network on random validation examples; higher is better.
        """

    def best_configs(self, number: int) -> list[Config]:
        """Distinct sub-networks that the strategy considers best, at most `number`."""
        return []

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """The strategy's state."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restores tensors returned by `state_tensors`."""
