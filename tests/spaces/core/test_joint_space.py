"""A space together with Tune's `param_space`."""

from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from ray import tune

from ray_nas.spaces import JointSpace, NASBench201, SearchSpace
from ray_nas.spaces.core.joint_space import joint_space


def own() -> SearchSpace:
    return SearchSpace(ConfigurationSpace({"op": ["conv", "pool"], "depth": (1, 3)}))


def test_configs_are_flat_and_trial_configs_nested() -> None:
    space = JointSpace(own(), {"train": {"lr": tune.uniform(0, 1), "epochs": 3}, "arch": own()})
    assert set(space.config_space) == {"op", "depth", "train.lr", "arch.op", "arch.depth"}
    config = {"op": "conv", "depth": 1, "train.lr": 0.5, "arch.op": "pool", "arch.depth": 2}
    trial_config = {
        "op": "conv",
        "depth": 1,
        "train": {"lr": 0.5},
        "arch": {"op": "pool", "depth": 2},
    }
    assert space.to_tune(config) == trial_config
    assert space.from_tune({**trial_config, "other": 1}) == config


def test_keys_and_features_are_those_of_the_spaces_in_it() -> None:
    bench = NASBench201()
    space = JointSpace(None, {"arch": bench, "lr": tune.uniform(0, 1)})
    cells = [
        "|nor_conv_1x1~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
    ]
    configs = [
        {**{f"arch.{k}": v for k, v in bench.from_arch_str(cell).items()}, "lr": 0.5}
        for cell in cells
    ]
    parts = [bench.from_arch_str(cell) for cell in cells]
    same = bench.canonical(parts[0]) == bench.canonical(parts[1])
    assert (space.canonical(configs[0]) == space.canonical(configs[1])) == same
    assert space.canonical(configs[0]) != space.canonical({**configs[0], "lr": 0.25})
    assert space.features(configs[0]).tolist() == [*bench.features(parts[0]), 0.5]
    assert space.encode(configs[0]).tolist() == [*bench.encode(parts[0]), 0.5]
    assert space.parameter_count(configs[0]) == bench.parameter_count(parts[0])


def test_without_anything_to_add_the_space_is_used_alone() -> None:
    space = own()
    assert joint_space(space, {"epochs": 3}) is space
    assert isinstance(joint_space(space, {"lr": tune.uniform(0, 1)}), JointSpace)


@pytest.mark.parametrize(
    ("param_space", "message"),
    [
        ({"op": 1}, r"param_space must not hold \['op'\]"),
        ({"lr": tune.grid_search([1, 2])}, r"param_space\['lr'\] is a tune.grid_search"),
        ({"lr": [tune.uniform(0, 1)]}, r"param_space\['lr'\]: domains inside of a list"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(
    param_space: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        JointSpace(own(), param_space)


def test_nothing_to_search_and_no_single_network_are_errors() -> None:
    with pytest.raises(ValueError, match="no space to search"):
        JointSpace(None, {"epochs": 3})
    space = JointSpace(own(), {"arch": own()})
    with pytest.raises(NotImplementedError, match="it joins 2 spaces"):
        space.build(space.sample(random_state=0))
