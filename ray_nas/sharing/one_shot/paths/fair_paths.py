"""FairNAS (Chu et al., 2021): https://arxiv.org/abs/1907.01845.

Strict fairness: each step trains every alternative of every layer choice equally often. With m the
largest number of alternatives, a step runs m paths. Path k uses the k-th entry of each choice's
random permutation, and the weights are updated once, by the summed gradients.
"""

from typing import Any, Final

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_MAX_TRIES: Final = 100
"""Permutations to try until all paths are valid."""


class FairPaths(PathStrategy):
    """As many paths per step as a layer choice has alternatives, each alternative once.

    A choice with fewer alternatives uses several permutations. Widths, depths and inputs are
    uniform for each path. If conditions, forbidden clauses or rules exclude a path, all are drawn
    again; after 100 tries, random configs replace the invalid paths.

    Args:
        space: The supernet's space; it must have a `LayerChoice`.
        seed: Ignored.

    Raises:
        ValueError: The space has no `LayerChoice`.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> strategy = FairPaths(NASBench201(), seed=0)
        >>> paths = strategy.paths(np.random.default_rng(0))
        >>> len(paths), len({path["edge_0_1"] for path in paths})
        (5, 5)
    """

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._layers = {
            label: choice.values
            for label, choice in space.choices.items()
            if choice.kind == "LayerChoice"
        }
        if not self._layers:
            raise ValueError(
                "strategy 'fairnas' needs a LayerChoice, and the space has none: "
                "use 'sandwich' or 'spos'"
            )
        self._number = max(len(values) for values in self._layers.values())

    @property
    def description(self) -> str:
        """What the strategy does in this space."""
        others = [label for label in self._space.choices if label not in self._layers]
        uniform = f"; uniform: {', '.join(others)}" if others else ""
        return f"{self._number} paths per step, permutations of {', '.join(self._layers)}{uniform}"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The m paths of a step."""
        for _ in range(_MAX_TRIES):
            paths = self._draw(rng)
            if all(self._space.is_valid(path) for path in paths):
                return paths
        return [
            path if self._space.is_valid(path) else self._space.sample(random_state=rng)
            for path in paths
        ]

    def _draw(self, rng: np.random.Generator) -> list[Config]:
        orders = {
            label: _permutations(values, self._number, rng)
            for label, values in self._layers.items()
        }
        return [
            self._complete({label: order[k] for label, order in orders.items()}, rng)
            for k in range(self._number)
        ]

    def _complete(self, layers: Config, rng: np.random.Generator) -> Config:
        """The path with these layers: draws every other active choice, drops inactive layers."""
        path = dict(layers)
        while True:
            active = self._space.active(path)
            missing = [label for label in active if label not in path]
            if not missing:
                return {label: path[label] for label in active}
            for label in missing:
                values = self._space.choices[label].values
                path[label] = values[int(rng.integers(len(values)))]


def _permutations(values: tuple[Any, ...], length: int, rng: np.random.Generator) -> list[Any]:
    """The first `length` entries of random permutations in a row."""
    order: list[Any] = []
    while len(order) < length:
        order += [values[int(index)] for index in rng.permutation(len(values))]
    return order[:length]
