"""Torch draws initial weights, dropout and distributions from its global generator alone: lent
out, and given back as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generator is seeded in this block, and untouched after it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def seed_of(*numbers: int) -> int:
    """A seed for each series of numbers, such as a seed and an epoch: what is restored draws
    what the lost would have drawn.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
