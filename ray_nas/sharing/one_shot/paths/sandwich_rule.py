"""The sandwich rule with in-place distillation (Yu & Huang, 2019; BigNAS: Yu et al., 2020).

https://arxiv.org/abs/1903.05134, https://arxiv.org/abs/2003.11142. A step trains the largest
sub-network on the targets, and the smallest and some random ones on what the largest says.
"""

from typing import Any, ClassVar, Final

import numpy as np
import torch

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_RANDOM: Final = 2
"""Random sub-networks of a step (n - 2 in the paper, with n = 4)."""


class Sandwich(PathStrategy):
    """The largest, the smallest and two random sub-networks a step.

    The largest has every width, depth and value at its highest and, in each layer choice, the
    alternative with most parameters. The smallest has the lowest, and the alternative with fewest
    parameters; of several with as few (a skip connection, a pooling, nothing at all) one is drawn
    in each step, since always the same one would not connect the network in some spaces. Inputs are
    drawn. Where a combination is refused, a random config stands in.

    Args:
        space: The space.
        seed: Not used.
    """

    distils: ClassVar[bool] = True

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._ends = {label: _ends(space, label) for label in space.choices}

    @property
    def note(self) -> str:
        """What it does in this space."""
        ends = ", ".join(
            f"{label}: {'/'.join(map(str, low))} to {'/'.join(map(str, high))}"
            for label, (low, high) in self._ends.items()
        )
        return f"largest, smallest and {_RANDOM} random paths a step; {ends}"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The largest, which teaches, the smallest and the random ones."""
        return [
            self._extreme(1, rng),
            self._extreme(0, rng),
            *(self._space.sample(random_state=rng) for _ in range(_RANDOM)),
        ]

    def _extreme(self, end: int, rng: np.random.Generator) -> Config:
        drawn: Config = {}
        for label, ends in self._ends.items():
            drawn[label] = ends[end][int(rng.integers(len(ends[end])))]
        config = {label: drawn[label] for label in self._space.active(drawn)}
        return config if self._space.is_valid(config) else self._space.sample(random_state=rng)


def _ends(space: ModelSpace, label: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The values that make a network smallest, and largest."""
    choice = space.choices[label]
    if choice.ordered:
        return choice.values[:1], choice.values[-1:]
    if choice.kind != "LayerChoice":
        return choice.values, choice.values
    sizes = {value: _parameters(space, label, value) for value in choice.values}
    smallest, largest = min(sizes.values()), max(sizes.values())
    return tuple(value for value in sizes if sizes[value] == smallest), tuple(
        value for value in sizes if sizes[value] == largest
    )


def _parameters(space: ModelSpace, label: str, value: Any) -> int:
    """Parameters of the supernet of the part of the space in which the choice has this value."""
    with torch.device("meta"):
        network = space.restrict({label: [value]}).build_all({})
    return sum(parameter.numel() for parameter in network.parameters())
