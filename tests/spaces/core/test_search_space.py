"""What a raw space adds to the contract: copies, versions, keys, and errors that say what to do."""

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from ray_nas.spaces import SearchSpace


def make(**changes: object) -> SearchSpace:
    return SearchSpace(ConfigurationSpace({"op": ["conv", "pool"], "depth": (1, 3), **changes}))


def test_a_later_change_of_the_original_changes_nothing() -> None:
    original = ConfigurationSpace({"op": ["conv", "pool"]})
    space = SearchSpace(original)
    original.add(ConfigurationSpace({"later": (0, 1)})["later"])
    assert list(space.config_space) == ["op"]


def test_fingerprints_tell_spaces_apart() -> None:
    assert make().fingerprint == make().fingerprint
    assert make().fingerprint != make(depth=(1, 4)).fingerprint


def test_configs_of_an_earlier_version_are_translated() -> None:
    edited = make(depth=(1, 2), width=[8, 16])
    assert edited.translate({"op": "pool", "depth": 2}) == {"op": "pool", "depth": 2, "width": 8}
    assert edited.translate({"op": "pool", "depth": 3}) is None
    assert edited.translate({"op": "pool", "gone": 1}) is None


def test_rules_count_in_small_spaces() -> None:
    config_space = make().config_space
    space = SearchSpace(config_space, [lambda config: config["depth"] < 3])
    assert space.size == 4
    assert all(c["depth"] < 3 for c in space.sample(size=20, random_state=0))
    around = space.neighbors({"op": "conv", "depth": 1})
    assert around == [{"op": "conv", "depth": 2}, {"op": "pool", "depth": 1}]


def test_a_grid_has_the_given_number_of_points_in_each_range() -> None:
    space = make(rate=(0.0, 1.0))
    rates = {config["rate"] for config in space.grid(points_per_range=3)}
    assert rates == {0.0, 0.5, 1.0}


def test_random_states_of_every_kind_are_accepted() -> None:
    space = make()
    assert space.sample(random_state=3) == space.sample(random_state=np.random.default_rng(3))
    old = [space.sample(random_state=np.random.RandomState(3)) for _ in range(2)]
    assert old[0] == old[1]
    space.validate(space.sample())


def test_a_raw_space_says_that_it_builds_no_networks() -> None:
    space = make()
    config = space.sample(random_state=0)
    assert space.parameter_count(config) is None
    with pytest.raises(NotImplementedError, match="describe it as a ModelSpace"):
        space.build(config)
