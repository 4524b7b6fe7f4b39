"""Keys of small graphs: equal where functions are equal, different where they differ."""

import pytest

from ray_nas.spaces.cells.cell_graph import Edge, graph_key


def key(*nodes: list[tuple[str, int]], outputs: tuple[int, ...] | None = None, inputs: int = 1):
    """The key of a graph whose edges are (operation, source)."""
    named = [
        [
            Edge(operation, source, f"{source}_{target}_{index}")
            for index, (operation, source) in enumerate(node)
        ]
        for target, node in enumerate(nodes, start=inputs)
    ]
    return graph_key(inputs, named, outputs or (inputs + len(nodes) - 1,), weightless=("pool",))


def test_the_text_is_the_formula_of_the_outputs() -> None:
    assert key([("conv", 0)], [("pool", 1), ("conv", 0)]).text == "conv#0(x0)+pool(conv#1(x0))"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # An identity is its source
        (([("skip_connect", 0)], [("conv", 1)]), ([("conv", 0)],)),
        # Sums through identities merge
        (
            ([("conv", 0), ("skip_connect", 0)], [("skip_connect", 1)]),
            ([("skip_connect", 0), ("conv", 0)],),
        ),
        # Edges that carry zeros, and pooling of zeros, count for nothing
        (([("none", 0)], [("pool", 1), ("conv", 0)]), ([("conv", 0)],)),
        # Nodes that no output reaches do not count
        (([("conv", 0)], [("pool", 0)]), ([("pool", 0)],)),
        # The order of nodes does not count
        (
            ([("conv", 0)], [("pool", 0)], [("conv", 1), ("pool", 2)]),
            ([("pool", 0)], [("conv", 0)], [("pool", 1), ("conv", 2)]),
        ),
    ],
)
def test_equal_functions_have_equal_keys(a: tuple, b: tuple) -> None:
    assert key(*a).text == key(*b).text


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (([("conv", 0)],), ([("pool", 0)],)),
        # One layer used twice is not two layers
        (
            ([("conv", 0)], [("conv", 1)], [("pool", 1), ("skip_connect", 2)]),
            ([("conv", 0)], [("conv", 0)], [("conv", 2)], [("pool", 1), ("skip_connect", 3)]),
        ),
        # A convolution of zeros is not zero: its weights count
        (([("none", 0)], [("conv", 1), ("conv", 0)]), ([("conv", 0)],)),
    ],
)
def test_different_functions_have_different_keys(a: tuple, b: tuple) -> None:
    assert key(*a).text != key(*b).text


def test_the_key_names_the_edges_by_which_two_graphs_match() -> None:
    first = key([("conv", 0)], [("pool", 0)], [("conv", 1), ("pool", 2)])
    second = key([("pool", 0)], [("conv", 0)], [("pool", 1), ("conv", 2)])
    assert first.edges == ("0_1_0", "1_3_0") or first.edges == ("1_3_0", "0_1_0")
    assert len(second.edges) == len(first.edges) == 2
    assert [edge.split("_")[0] for edge in second.edges] == [
        {"0": "0", "1": "2"}[edge.split("_")[0]] for edge in first.edges
    ]


def test_the_order_of_outputs_does_not_count() -> None:
    nodes = ([("conv", 0)], [("pool", 0)])
    assert key(*nodes, outputs=(1, 2)).text == key(*nodes, outputs=(2, 1)).text
    assert set(key(*nodes, outputs=(2, 1)).outputs) == {1, 2}
