"""NAS-Bench-101's cells: their notation, their classes, their network."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

from ray_nas.spaces import NASBench101
from ray_nas.spaces.nasbench101 import MAX_EDGES, OPERATIONS, VERTICES, canonical_form

SPACE = NASBench101(channels=8, cells_per_stage=1)
ALL_EDGES = np.triu(np.ones((VERTICES, VERTICES), int), 1)


def graph(matrix: np.ndarray, operations: list[str]) -> nx.DiGraph:
    found = nx.DiGraph(matrix)
    nx.set_node_attributes(found, dict(enumerate(operations)), "operation")
    return found


def are_isomorphic(one: nx.DiGraph, other: nx.DiGraph) -> bool:
    return nx.is_isomorphic(one, other, node_match=lambda a, b: a["operation"] == b["operation"])


def reordered(
    matrix: np.ndarray, operations: list[str], rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """The same cell with its vertices in another topological order."""
    places = {0: 0.0, len(operations) - 1: 1.0}
    order: list[int] = []
    waiting = set(range(1, len(operations) - 1))
    while waiting:
        free = [v for v in sorted(waiting) if not any(matrix[u, v] for u in waiting)]
        order.append(free[rng.integers(len(free))])
        waiting.remove(order[-1])
    whole = [min(places), *order, max(places)]
    return matrix[np.ix_(whole, whole)], [operations[vertex] for vertex in whole]


def small_pairs(count: int) -> list[tuple[tuple, tuple]]:
    """Pairs of small cells, which are often isomorphic, and of cells with a cell reordered."""
    rng = np.random.default_rng(0)
    specs = [SPACE.to_spec(config) for config in SPACE.sample(size=count, random_state=rng)]
    pairs = []
    for number, spec in enumerate(specs):
        if number % 3 == 0:
            pairs.append((spec, reordered(*spec, rng)))
        elif number % 3 == 1:  # one operation or none is another one
            matrix, operations = reordered(*spec, rng)
            if len(operations) > 2:
                operations[rng.integers(1, len(operations) - 1)] = str(rng.choice(OPERATIONS))
            pairs.append((spec, (matrix, operations)))
        else:
            alike = [other for other in specs if len(other[1]) == len(spec[1])]
            pairs.append((spec, alike[rng.integers(len(alike))]))
    return pairs


def test_canonical_forms_are_equal_if_and_only_if_the_graphs_are_isomorphic() -> None:
    equal = 0
    for one, other in small_pairs(3_000):
        same = are_isomorphic(graph(*one), graph(*other))
        assert (canonical_form(*one) == canonical_form(*other)) == same
        equal += same
    assert 1_000 < equal < 2_500


def test_the_benchmarks_form_goes_both_ways() -> None:
    for config in SPACE.sample(size=50, random_state=np.random.default_rng(1)):
        matrix, operations = SPACE.to_spec(config)
        again = SPACE.from_spec(matrix, operations)
        assert SPACE.canonical(again) == SPACE.canonical(config)
        assert (SPACE.to_spec(again)[0] == matrix).all()
        assert matrix.sum() <= MAX_EDGES


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        ([[0, 1], [0, 0]], ["input"], "matrix must have as many rows"),
        ([[0, 1], [1, 0]], ["input", "output"], "must be upper triangular"),
        ([[0, 2], [0, 0]], ["input", "output"], "of 0 and 1"),
        ([[0, 0], [0, 0]], ["input", "output"], "breaks the rule input_reaches_output"),
        (
            np.triu(np.ones((7, 7), int), 1),
            ["input", *OPERATIONS, *OPERATIONS[:2], "output"],
            "nine",
        ),
        (np.triu(np.ones((3, 3), int), 1), ["input", "conv", "output"], "'op_1'"),
    ],
)
def test_what_is_no_cell_is_refused(matrix: object, operations: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.from_spec(matrix, operations)


def test_the_network_has_the_benchmarks_parameters() -> None:
    """The benchmark's README prints 2,694,282 for this cell."""
    space = NASBench101()
    assert space.parameter_count(space.baseline) == 2_694_282


def test_vertices_share_the_channels_of_the_output() -> None:
    network = NASBench101(channels=8, cells_per_stage=1).build(SPACE.baseline)
    cell = network.layers[1]
    widths = [norm.num_features for norm in cell.modules() if isinstance(norm, nn.BatchNorm2d)]
    assert widths == [2] * 8  # of four convolutions and four projections
    assert cell(torch.rand(2, 8, 4, 4)).shape == (2, 8, 4, 4)


def test_there_is_no_supernet() -> None:
    with pytest.raises(ValueError, match="NASBench101 has no supernet"):
        SPACE.supernet()


def test_a_cell_of_one_edge_is_a_projection() -> None:
    config = SPACE.from_spec([[0, 1], [0, 0]], ["input", "output"])
    assert SPACE.canonical(config) == "input output 0100"
    assert SPACE.build(config)(torch.rand(2, 3, 8, 8)).shape == (2, 10)


def test_features_count_paths() -> None:
    features = SPACE.features(SPACE.baseline)
    assert features[:-2].sum() == 4  # four branches
    assert features[-2:].tolist() == [7.0, 9.0]


@pytest.mark.soak
def test_there_are_423624_classes() -> None:
    """Unlabelled graphs first; then every labelling of one graph of each class."""
    shapes: dict[str, np.ndarray] = {}
    for count in range(2, VERTICES + 1):
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        for bits in product((0, 1), repeat=len(pairs)):
            if not count - 1 <= sum(bits) <= MAX_EDGES:
                continue
            matrix = np.zeros((count, count), np.int8)
            matrix[tuple(zip(*pairs, strict=True))] = bits
            inside = range(1, count - 1)
            if all(matrix[:, v].any() and matrix[v].any() for v in inside) and matrix[0].any():
                names = ["input", *[OPERATIONS[0]] * (count - 2), "output"]
                shapes.setdefault(canonical_form(matrix, names), matrix)
    classes = {
        canonical_form(matrix, ["input", *names, "output"])
        for matrix in shapes.values()
        for names in product(OPERATIONS, repeat=len(matrix) - 2)
    }
    assert len(classes) == 423_624
