"""Random generators from anything that Tune passes."""

import numpy as np
import pytest
from ray.tune.search.sample import _BackwardsCompatibleNumpyRng

from ray_nas.spaces.core.random_state import as_generator


def test_a_generator_is_drawn_from_in_place() -> None:
    rng = np.random.default_rng(0)
    assert as_generator(rng) is rng


@pytest.mark.parametrize("make", [int, np.random.RandomState, _BackwardsCompatibleNumpyRng])
def test_equal_states_give_equal_draws(make: type) -> None:
    draws = [as_generator(make(3)).random(4).tolist() for _ in range(2)]
    assert draws[0] == draws[1]


def test_none_is_random() -> None:
    assert as_generator(None).random() != as_generator(None).random()
