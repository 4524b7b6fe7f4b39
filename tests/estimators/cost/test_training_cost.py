"""`profile` and `cost_function`: results, side effects and refused arguments."""

import gc
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from ray_nas.estimators.cost import Cost, cost_function, profile
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import (
    MLPSpace,
    NASBench201,
    SearchSpace,
)


def test_no_optimizer_leaves_parameters_gradients_and_activations() -> None:
    cost = profile(nn.Linear(10, 5), (10,), batch_size=4, optimizer=None)
    assert cost == Cost(
        params=55,
        flops=100,
        activation_bytes=4 * (10 + 5) * 4,
        peak_memory_bytes=2 * 55 * 4 + 4 * 15 * 4,
    )
    assert (cost.multiply_adds, cost.fixed_bytes) == (50, 2 * 55 * 4)


def test_the_model_is_left_as_it_is_and_nothing_is_allocated() -> None:
    with torch.device("meta"):
        wide = nn.Linear(10**6, 10**6)  # 4 TB
    assert profile(wide, (10**6,), batch_size=10**6).params == 10**12 + 10**6
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    profile(model, (3, 8, 8), batch_size=4)
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_that_cannot_run_on_the_meta_device_is_named() -> None:
    class Reads(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(ValueError, match=r"model \(Reads\) cannot be profiled on the meta device"):
        profile(Reads(), (3,))
    with pytest.raises(ValueError, match=r"inputs of shape \(2, 4\)"):
        profile(nn.Linear(3, 3), (4,))
    with pytest.raises(
        ValueError, match=r"optimizer \(Adafactor\) must be one whose step reads no values"
    ):
        profile(nn.Linear(3, 3), (3,), optimizer=torch.optim.Adafactor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"batch_size": 2.5}, r"batch_size must be an integer >= 1, got 2\.5"),
        ({"batch_size": None}, "batch_size must be an integer >= 1, got None"),
        (
            {"input_shape": 100},
            r"input_shape must be the sizes of one input without the batch, "
            r"e\.g\. \(3, 32, 32\), got 100",
        ),
        (
            {"input_shape": (3, 0)},
            r"each size of input_shape = \(3, 0\) must be an integer >= 1, got 0",
        ),
        (
            {"input_shape": (3, 1.5)},
            r"each size of input_shape = \(3, 1\.5\) must be an integer >= 1, got 1\.5",
        ),
        ({"input_shape": "16"}, "each size of input_shape = .* got '1'"),
        (
            {"optimizer": "adam"},
            "optimizer must be None or make a torch.optim.Optimizer from parameters, .* got 'adam'",
        ),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(2, 2).parameters())},
            "optimizer must be None or make .* got SGD",
        ),
        (
            {"optimizer": nn.Linear},
            "optimizer must be None or make .* got <class .*Linear'>: .*out_features",
        ),
        (
            {"optimizer": list},
            r"optimizer must be None or make .* got <class 'list'>, which makes \[Parameter",
        ),
    ],
)
def test_arguments_are_checked_at_the_call(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cost_function(MLPSpace(16, 4), **arguments)
    with pytest.raises(ValueError, match=message):
        profile(nn.ReLU(), **{"input_shape": (16,), **arguments})


def test_a_key_that_a_config_does_not_have() -> None:
    space = MLPSpace(16, 4)
    config = {"architecture": space.sample(random_state=0), "lr": 0.1}
    for key in ("arch", "lr"):
        with pytest.raises(
            ValueError,
            match=rf"key must be the config entry .*, got '{key}' "
            r"for a config with \['architecture', 'lr'\]",
        ):
            cost_function(space, key=key)(config)


def test_lazy_layers_have_to_have_seen_an_input() -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d())
    with pytest.raises(
        ValueError,
        match=r"model \(Sequential\) must .*, got lazy ones, 0\.weight, "
        r".*1\.running_mean, .*: run it once on an",
    ):
        profile(model, (3,))
    model(torch.ones(2, 3))
    assert profile(model, (3,)).params == 3 * 8 + 8 + 2 * 8


def test_costs_of_a_searcher_keep_large_networks_out() -> None:
    space = MLPSpace(16, 4)
    costs = pickle.loads(
        pickle.dumps(cost_function(space))
    )  # a searcher is pickled with what it holds
    searcher = RandomSearch(
        space, "accuracy", "max", costs=costs, constraints={"params": (None, 50_000)}, seed=0
    )
    for number in range(5):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        assert sum(parameter.numel() for parameter in space.build(config).parameters()) <= 50_000
    assert any(
        sum(p.numel() for p in space.build(space.sample(random_state=seed)).parameters()) > 50_000
        for seed in range(5)
    )
    nested = cost_function(space, (16,), key="arch")
    assert nested({"arch": config, "lr": 0.1}) == costs(config)


def test_nothing_of_a_network_outlives_its_profile() -> None:
    space = NASBench201(channels=2, cells_per_stage=1)

    def tensors() -> int:
        gc.collect()
        return sum(
            issubclass(type(thing), (torch.Tensor, torch.UntypedStorage))
            for thing in gc.get_objects()
        )

    profile(space.build(space.sample(random_state=9)), (3, 8, 8))
    before = tensors()
    for seed in range(5):
        profile(space.build(space.sample(random_state=seed)), (3, 8, 8))
    assert tensors() <= before


def test_an_input_shape_is_needed() -> None:
    with pytest.raises(ValueError, match="input_shape must be given"):
        cost_function(SearchSpace(NASBench201(2, 1).config_space))
