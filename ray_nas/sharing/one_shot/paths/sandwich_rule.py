"""The sandwich rule with in-place distillation (Yu & Huang, 2019; BigNAS: Yu et al., 2020).

https://arxiv.org/abs/1903.05134, https://arxiv.org/abs/2003.11142. A step trains the largest
sub-network on the targets; the smallest and some random ones learn the largest one's outputs.
"""

from typing import Any, ClassVar, Final

import numpy as np
import torch

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_RANDOM: Final = 2
"""Random sub-networks per step (n - 2 in the paper, with n = 4)."""

_Values = tuple[Any, ...]


class SandwichRule(PathStrategy):
    """The largest, the smallest and two random sub-networks per step.

    The largest has every width, depth and value at its highest and, in each layer choice, the
    alternative with the most parameters. The smallest has the lowest values, and the alternatives
    with the fewest parameters. If several alternatives tie (a skip connection, a pooling, zero),
    each step draws one: the same one every time would disconnect the network in some spaces.
    Inputs are random. A random config replaces an invalid combination.

    Args:
        space: The supernet's space.
        seed: Ignored.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> strategy = SandwichRule(NASBench201(channels=2, cells_per_stage=1), seed=0)
        >>> largest, smallest, *others = strategy.paths(np.random.default_rng(0))
        >>> set(largest.values()), len(others)
        ({'nor_conv_3x3'}, 2)
    """

    distils: ClassVar[bool] = True

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._extremes = {label: _extremes(space, label) for label in space.choices}

    @property
    def description(self) -> str:
        """What the strategy does in this space."""
        ranges = ", ".join(
            f"{label}: {'/'.join(map(str, low))} to {'/'.join(map(str, high))}"
            for label, (low, high) in self._extremes.items()
        )
        return f"largest, smallest and {_RANDOM} random paths per step; {ranges}"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The largest, which teaches, the smallest, and the random ones."""
        return [
            self._extreme_path(1, rng),
            self._extreme_path(0, rng),
            *(self._space.sample(random_state=rng) for _ in range(_RANDOM)),
        ]

    def _extreme_path(self, end: int, rng: np.random.Generator) -> Config:
        """The smallest path (`end` 0) or the largest (`end` 1)."""
        drawn: Config = {}
        for label, extremes in self._extremes.items():
            values = extremes[end]
            drawn[label] = values[int(rng.integers(len(values)))]
        config = {label: drawn[label] for label in self._space.active(drawn)}
        return config if self._space.is_valid(config) else self._space.sample(random_state=rng)


def _extremes(space: ModelSpace, label: str) -> tuple[_Values, _Values]:
    """The values of a choice that make the network smallest, and largest."""
    choice = space.choices[label]
    if choice.ordered:
        return choice.values[:1], choice.values[-1:]
    if choice.kind != "LayerChoice":
        return choice.values, choice.values
    sizes = {value: _parameters(space, label, value) for value in choice.values}
    fewest = min(sizes.values())
    most = max(sizes.values())
    return (
        tuple(value for value, size in sizes.items() if size == fewest),
        tuple(value for value, size in sizes.items() if size == most),
    )


def _parameters(space: ModelSpace, label: str, value: Any) -> int:
    """The number of parameters of the supernet if the choice has this value."""
    with torch.device("meta"):
        network = space.restrict({label: [value]}).build_all({})
    return sum(parameter.numel() for parameter in network.parameters())
