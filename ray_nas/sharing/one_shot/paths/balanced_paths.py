"""De-isomorphic sampling (Ning et al., 2021, Evaluating efficient performance estimators of neural
architectures).

https://arxiv.org/abs/2008.03064. Many configs may compute one function: drawn evenly by config,
these functions are trained more than others. Here functions (classes of `space.canonical`) are
drawn evenly.
"""

from collections import Counter
from typing import Final

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_LISTED: Final = 50_000
"""Configs of a space whose classes are all listed."""
_SURVEYED: Final = 10_000
"""In larger spaces, random configs that say how large the classes are."""
_DRAWN: Final = 16
"""There, random configs of which a step takes one."""


class BalancedPaths(PathStrategy):
    """One sub-network a step, drawn evenly from the classes of configs that compute the same
    function.

    In spaces of more than 50,000 configs, whose classes are not listed, evenly as far as 10,000
        random configs show: of 16
    random ones a step takes one with a chance in inverse proportion to how many of the 10,000 are
    of its class. Classes that are as rare as one in 10,000 are not told apart; where all are, as in
    `DARTS`, configs are drawn evenly. On the 6,466 classes of NAS-Bench-201 the largest is so drawn
    7 times as often as even (114 times where configs are drawn).

    Args:
        space: The space.
        seed: Of the 10,000.
    """

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._classes: list[list[Config]] = []
        self._seen: Counter[str] = Counter()
        if space.size <= _LISTED:
            found: dict[str, list[Config]] = {}
            for config in space.grid():
                found.setdefault(space.canonical(config), []).append(config)
            self._classes = list(found.values())
        else:
            surveyed = space.sample(size=_SURVEYED, random_state=np.random.default_rng(seed))
            self._seen.update(space.canonical(config) for config in surveyed)

    @property
    def note(self) -> str:
        """What it does in this space."""
        if self._classes:
            return f"one path a step, {len(self._classes)} classes of {self._space.size} configs drawn evenly"
        return (
            f"one path a step, configs drawn against the size of their class as {_SURVEYED} random configs show it "
            f"({len(self._seen)} classes, the largest of {max(self._seen.values())}); rarer classes are not told apart"
        )

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One config of a random class."""
        if self._classes:
            members = self._classes[int(rng.integers(len(self._classes)))]
            return [members[int(rng.integers(len(members)))]]
        drawn = self._space.sample(size=_DRAWN, random_state=rng)
        chances = np.array(
            [1 / max(1, self._seen[self._space.canonical(config)]) for config in drawn]
        )
        return [drawn[int(rng.choice(_DRAWN, p=chances / chances.sum()))]]
