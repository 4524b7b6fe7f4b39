"""Single path one-shot (Guo et al., 2020): https://arxiv.org/abs/1904.00420."""

import numpy as np

from ray_nas.sharing.one_shot.paths.path_strategy import PathStrategy
from ray_nas.spaces.core.search_space import Config


class SinglePath(PathStrategy):
    """One sub-network a step, drawn evenly from all configs."""

    @property
    def note(self) -> str:
        """What it does in this space."""
        return "one path a step, configs drawn evenly"

    def paths(self, rng: np.random.Generator) -> list[Config]:
        """One random config."""
        return [self._space.sample(random_state=rng)]
