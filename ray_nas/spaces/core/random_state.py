"""Random generators from what Tune passes as a random state."""

from typing import Any

import numpy as np


def as_generator(random_state: Any) -> np.random.Generator:
    """A Generator for anything that Tune passes.

    Tune wraps old and new numpy generators in a class that has `integers` for both.

    Args:
        random_state: A `Generator`, which is returned; a `RandomState`, a seed, or None.

    Example:
        >>> int(as_generator(0).integers(10)) == int(np.random.default_rng(0).integers(10))
        True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    if random_state is None or isinstance(random_state, int):
        return np.random.default_rng(random_state)
    return np.random.default_rng(int(random_state.integers(2**31)))


def drawn_seed() -> int:
    """A seed for a search without one, in [0, 2^32), different at each call.

    Example:
        >>> drawn_seed() == drawn_seed()
        False
    """
    return int(np.random.SeedSequence().generate_state(1)[0])
