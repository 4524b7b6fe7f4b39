"""De-isomorphic sampling (Ning et al., 2021, Evaluating efficient performance estimators of neural
architectures).

https://arxiv.org/abs/2008.03064. Many configs may compute one function: drawn evenly by config,
these functions are trained more than others. Here functions (classes of `space.canonical`) are
drawn evenly.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_LISTED: Final = 50_000
"""Configs of a space whose classes are all listed."""
_DRAWN: Final = 64
"""In larger spaces, so many configs are drawn at a time; each class among them counts once."""


class BalancedPaths(PathStrategy):
    """One sub-network a step, drawn evenly from the classes of configs that compute the same
    function.

    Args:
        space: The space.
        seed: Not used.
    """

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._classes: list[list[Config]] = (
            _classes(space, space.grid()) if space.size <= _LISTED else []
        )
        self._listed = bool(self._classes)

    @property
    def note(self) -> str:
        """What it does in this space."""
        if self._listed:
            return f"one path a step, {len(self._classes)} classes of {self._space.size} configs drawn evenly"
        return f"one path a step, classes drawn evenly among {_DRAWN} random configs"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One config of a random class."""
        classes = (
            self._classes
            if self._listed
            else _classes(self._space, self._space.sample(size=_DRAWN, random_state=rng))
        )
        members = classes[int(rng.integers(len(classes)))]
        return [members[int(rng.integers(len(members)))]]


def _classes(space: ModelSpace, configs: Iterable[Config]) -> list[list[Config]]:
    found: dict[str, list[Config]] = {}
    for config in configs:
        found.setdefault(space.canonical(config), []).append(config)
    return list(found.values())
