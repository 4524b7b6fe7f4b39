"""NAS-Bench-201's cells: their notation, their classes, their network."""

import numpy as np
import pytest
import torch

from ray_nas.spaces import NASBench201
from ray_nas.spaces.cells.cell_layers import EDGES
from ray_nas.spaces.nasbench201 import OPERATIONS

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"


def test_the_benchmarks_notation_goes_both_ways() -> None:
    space = NASBench201()
    config = space.from_arch_str(CELL)
    assert config["edge_1_2"] == "skip_connect"
    assert space.to_arch_str(config) == CELL
    for config in space.sample(size=20, random_state=np.random.default_rng(0)):
        assert space.from_arch_str(space.to_arch_str(config)) == config


@pytest.mark.parametrize(
    ("arch_str", "message"),
    [
        (CELL.replace("~2", "~3"), "unknown parameter 'edge_3_3'"),
        (CELL.replace("nor_conv_1x1", "conv"), r"config\['edge_2_3'\] must be one of"),
        (CELL + " ", "arch_str must be a NAS-Bench-201 cell"),
        ("", "config lacks"),
    ],
)
def test_other_text_is_refused(arch_str: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NASBench201().from_arch_str(arch_str)


def test_there_are_6466_classes_of_cells() -> None:
    space = NASBench201()
    assert space.size == 15_625
    assert len({space.canonical(config) for config in space.grid()}) == 6_466


def test_keys_are_written_as_the_benchmark_writes_them() -> None:
    space = NASBench201()
    key = space.canonical(space.from_arch_str(CELL))
    assert key == "#+(#+(0)@nor_conv_3x3)@nor_conv_1x1+(0)@avg_pool_3x3"


def test_the_cell_is_a_graph_of_four_nodes() -> None:
    space = NASBench201()
    (cell,) = space.cell_graphs(space.from_arch_str(CELL)).values()
    assert (cell.inputs, cell.outputs, cell.operations) == (1, [3], OPERATIONS)
    edges = [(edge.source, node) for node, into in enumerate(cell.nodes, 1) for edge in into]
    assert sorted(edges) == sorted(EDGES)


def test_equal_keys_are_equal_functions() -> None:
    space = NASBench201(channels=4, cells_per_stage=1)
    images = torch.rand(2, 3, 8, 8)
    unused = "|{}~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    configs = [space.from_arch_str(unused.format(name)) for name in ("nor_conv_1x1", "none")]
    assert space.canonical(configs[0]) == space.canonical(configs[1])
    outputs = []
    for config in configs:
        network = space.build(config).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.full_like(parameter, 0.1))
            outputs.append(network(images))
    assert torch.allclose(*outputs, atol=1e-5)
