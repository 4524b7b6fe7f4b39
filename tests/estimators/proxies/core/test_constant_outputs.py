import torch
from torch import nn

from ray_nas.estimators.proxies.core.constant_outputs import has_constant_outputs
from ray_nas.spaces import NASBench201

BATCH = (torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)), None)


def cell(text: str) -> nn.Module:
    space = NASBench201(channels=4, cells_per_stage=1)
    return space.build(space.from_arch_str(text))


def test_a_cell_without_a_path_has_constant_outputs() -> None:
    dead = cell("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|")
    assert has_constant_outputs(dead, BATCH)


def test_a_cell_with_a_path_has_not() -> None:
    alive = cell("|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|")
    assert not has_constant_outputs(alive, BATCH)


def test_a_deep_network_with_batch_norm_has_not() -> None:
    layers = [nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(40)]
    assert not has_constant_outputs(nn.Sequential(*layers), (torch.randn(8, 4), None))


def test_a_single_example_tells_nothing() -> None:
    assert not has_constant_outputs(nn.Linear(3, 2), (torch.ones(1, 3), None))


def test_the_network_stays_as_it_was() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    has_constant_outputs(network, (torch.randn(8, 4), None))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network[2].training


def test_half_precision_and_the_meta_device() -> None:
    batch = (torch.randn(8, 4, dtype=torch.float64), None)
    assert not has_constant_outputs(nn.Linear(4, 4).half(), batch)
    assert not has_constant_outputs(nn.Linear(4, 4, device="meta"), batch)
