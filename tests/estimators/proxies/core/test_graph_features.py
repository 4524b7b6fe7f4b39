from ray_nas.estimators.proxies.core.graph_features import graph_features
from ray_nas.spaces import DARTS, NASBench201
from ray_nas.spaces.cells.cell_graph import CellGraph, Edge

SPACE = NASBench201()


def features(cell: str) -> list[float]:
    return graph_features(SPACE.cell_graphs(SPACE.from_arch_str(cell))["cell"])


def test_operations_are_counted() -> None:
    cell = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|"
    assert features(cell)[:5] == [2.0, 1.0, 0.0, 2.0, 1.0]


def test_paths_and_degrees_with_one_operation_alone() -> None:
    # Into node 1: a; into node 2 (the output): a from the input, b and a from node 1
    nodes = [[Edge("a", 0, "0")], [Edge("a", 0, "1"), Edge("b", 1, "2"), Edge("a", 1, "3")]]
    values = graph_features(CellGraph(1, nodes, [2], ("none", "a", "b")))
    counts, only_a, only_b = values[:3], values[3:7], values[7:11]
    assert counts == [0.0, 3.0, 1.0]
    assert only_a == [1.0, 2.0, 2.0, 2.0]
    assert only_b == [3.0, -1.0, 0.0, 1.0]
    assert values[-4:] == [1.0, 2.0, 2.0, 3.0]


def test_zeros_are_no_path() -> None:
    dead = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    assert features(dead)[-4:] == [4.0, -1.0, 0.0, 0.0]


def test_cells_of_one_space_have_equally_many_features() -> None:
    space = DARTS()
    lengths = {
        len(graph_features(graph))
        for seed in range(5)
        for graph in space.cell_graphs(space.sample(random_state=seed)).values()
    }
    assert len(lengths) == 1
