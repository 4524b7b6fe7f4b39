"""`PathStrategy`: which sub-networks of a supernet are trained together in a step."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch

from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace


class PathStrategy:
    """Draws the sub-networks ("paths") of each training step. A strategy implements `paths`.

    Args:
        space: The space of the supernet.
        seed: Of a strategy that has a state of its own to initialise.
    """

    distils: ClassVar[bool] = False
    """Whether the first path of a step is trained on the targets and teaches the others
    (in-place distillation).
    """
    learns: ClassVar[bool] = False
    """Whether `after_epoch` is to be called."""

    def __init__(self, space: ModelSpace, seed: int) -> None:
        self._space = space

    @property
    def note(self) -> str:
        """What the strategy does in this space, in words, for the report."""
        raise NotImplementedError

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The sub-networks of the next step; their gradients are added up."""
        raise NotImplementedError

    def after_epoch(self, reward: Callable[[Config], float]) -> None:
        """Learns between epochs; `reward` is a sub-network's figure on a batch of validation
        data, more is better.
        """

    def favourites(self, number: int) -> list[Config]:
        """Sub-networks that the strategy itself would have evaluated first, at most `number`,
        each once.
        """
        return []

    def tensors(self) -> dict[str, torch.Tensor]:
        """The strategy's state."""
        return {}

    def take(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes what `tensors` gave."""
