"""FairNAS (Chu et al., 2021): https://arxiv.org/abs/1907.01845.

Strict fairness: in each step every alternative of every layer choice is trained equally often. A
step runs m paths, m the most alternatives that a layer choice has; path k takes the k-th of each
choice's alternatives in a random order, and the weights move once, by the sum of the gradients of
all paths.
"""

from typing import Any, Final

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_TRIES: Final = 100


class FairPaths(PathStrategy):
    """As many paths a step as a layer choice has alternatives, each alternative once.

    A choice with fewer alternatives goes through several orders. Widths, depths and inputs are
    drawn evenly for each path. Where conditions, forbidden clauses or rules refuse a path, orders
    are drawn again; if they refuse all, it is drawn evenly.

    Args:
        space: The space; it needs a `LayerChoice`.
        seed: Not used.

    Raises:
        ValueError: The space has no `LayerChoice`.
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
                "strategy 'fairnas' needs a LayerChoice, and the space has none: take 'sandwich' or 'spos'"
            )
        self._number = max(len(values) for values in self._layers.values())

    @property
    def note(self) -> str:
        """What it does in this space."""
        others = [label for label in self._space.choices if label not in self._layers]
        even = f"; drawn evenly: {', '.join(others)}" if others else ""
        return f"{self._number} paths a step, permutations of {', '.join(self._layers)}{even}"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """The m paths of a step."""
        for _ in range(_TRIES):
            orders = {
                label: _order(values, self._number, rng) for label, values in self._layers.items()
            }
            paths = [
                self._path({label: order[k] for label, order in orders.items()}, rng)
                for k in range(self._number)
            ]
            if all(self._space.is_valid(path) for path in paths):
                return paths
        return [
            path if self._space.is_valid(path) else self._space.sample(random_state=rng)
            for path in paths
        ]

    def _path(self, layers: Config, rng: np.random.Generator) -> Config:
        """The layers with all else drawn: what is active is taken from random configs until
        nothing is missing.
        """
        path = dict(layers)
        while True:
            active = self._space.active(path)
            missing = [label for label in active if label not in path]
            if not missing:
                return {label: path[label] for label in active}
            for label in missing:
                values = self._space.choices[label].values
                path[label] = values[int(rng.integers(len(values)))]


def _order(values: tuple[Any, ...], length: int, rng: np.random.Generator) -> list[Any]:
    """Random orders of the values, one after the other, `length` in all."""
    order: list[Any] = []
    while len(order) < length:
        order += [values[int(index)] for index in rng.permutation(len(values))]
    return order[:length]
