"""Graph features of cells for predictors, in the manner of GRAF (Kadlecova et al., 2024).

https://arxiv.org/abs/2404.16551
"""

from collections.abc import Collection
from typing import Final

from ray_nas.spaces.cells.cell_graph import CellGraph

ZERO: Final = "none"
"""The operation that carries nothing: no path uses it."""


def graph_features(graph: CellGraph) -> list[float]:
    """Counts of operations, and of what paths and edges are left with some operations alone.

    First, how often each operation is used. Then, for sets of operations, with only the edges that
    carry one of them: the fewest and the most edges on a path from an input to an output (the
    number of nodes and -1 without a path), the edges out of inputs and into outputs. Deviation from
    GRAF: the sets are each operation alone, all but each one, and all, where GRAF has all subsets,
    which are too many for eight operations.

    Example:
        >>> from ray_nas.spaces import NASBench201
        >>> space = NASBench201()
        >>> cell = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
        >>> graph = space.cell_graphs(space.from_arch_str(cell))["cell"]
        >>> graph_features(graph)[:9]
        [5.0, 0.0, 0.0, 1.0, 0.0, 4.0, -1.0, 0.0, 0.0]
    """
    used = [edge.operation for edges in graph.nodes for edge in edges]
    features = [float(used.count(operation)) for operation in graph.operations]
    for operations in _sets(tuple(name for name in graph.operations if name != ZERO)):
        features += _features_with(graph, operations)
    return features


def _sets(operations: tuple[str, ...]) -> list[tuple[str, ...]]:
    alone = [(operation,) for operation in operations]
    without = [tuple(name for name in operations if name != left) for left in operations]
    return [*alone, *without, operations]


def _features_with(graph: CellGraph, operations: Collection[str]) -> list[float]:
    """The features of the graph that has only the edges with one of these operations."""
    fewest: list[int | None] = [0] * graph.inputs
    most: list[int | None] = [0] * graph.inputs
    out_of_inputs = into_outputs = 0
    for node, edges in enumerate(graph.nodes, start=graph.inputs):
        kept = [edge for edge in edges if edge.operation in operations]
        shortest = [step for edge in kept if (step := fewest[edge.source]) is not None]
        longest = [step for edge in kept if (step := most[edge.source]) is not None]
        fewest.append(1 + min(shortest) if shortest else None)
        most.append(1 + max(longest) if longest else None)
        out_of_inputs += sum(edge.source < graph.inputs for edge in kept)
        into_outputs += len(kept) if node in graph.outputs else 0
    short = [steps for output in graph.outputs if (steps := fewest[output]) is not None]
    long = [steps for output in graph.outputs if (steps := most[output]) is not None]
    bounds = (min(short, default=len(fewest)), max(long, default=-1))
    return [float(value) for value in (*bounds, out_of_inputs, into_outputs)]
