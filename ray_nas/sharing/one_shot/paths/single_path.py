"""Single path one-shot (Guo et al., 2020): https://arxiv.org/abs/1904.00420."""

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config


class SinglePath(PathStrategy):
    """One sub-network per step, uniform over all configs.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> strategy = SinglePath(NASBench201(), seed=0)
        >>> len(strategy.paths(np.random.default_rng(0)))
        1
    """

    @property
    def description(self) -> str:
        """What the strategy does in this space."""
        return "one path per step, uniform over configs"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One random config."""
        return [self._space.sample(random_state=rng)]
