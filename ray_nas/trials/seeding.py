"""Seeds torch's global generator for a while, and derives seeds from others.

Torch draws initial weights, dropout masks and samples of distributions from its global generator.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Temporarily seeds torch's global generators, then restores them.

    Args:
        seed: The seed inside the block.

    Example:
        >>> with seeded(0):
        ...     first = torch.rand(2)
        >>> with seeded(0):
        ...     second = torch.rand(2)
        >>> torch.equal(first, second)
        True
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def derive_seed(*numbers: int) -> int:
    """A seed in [0, 2**32) for a sequence of integers >= 0, such as a seed and an epoch.

    A restored training derives the same seeds as one that was never interrupted.

    Example:
        >>> derive_seed(1, 2) == derive_seed(1, 2) != derive_seed(2, 1)
        True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
