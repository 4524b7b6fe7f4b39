"""Path encoding and graph features of a cell (White et al., 2020; Kadlecova et al., 2024): what a
predictor sees of it.

https://arxiv.org/abs/2007.04965 compares encodings, https://arxiv.org/abs/2404.16551 counts
operations on paths. Both depend on the cell's function alone: edges that carry nothing are left
out, and skip connections shorten a path.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

import numpy as np

Edge = tuple[int, int]


def cell_features(
    operations: Mapping[Edge, str], names: Sequence[str], zero: str, identity: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Counts that describe a cell whose edges carry operations.

    Args:
        operations: (from, to) to the operation on that edge, from < to, for all pairs of the nodes
            0 (input) to N - 1 (output).
        names: All operations.
        zero: The one that carries nothing.
        identity: The one that changes nothing.

    Returns:
        How many paths from input to output apply each sequence of operations (skips left out); then
        for each operation but `zero` its number on all edges in use, the most and the fewest on one
        path, its number into the output and out of the input; then the numbers of paths and of
        edges in use. All are whole numbers, in one 1-D array.
    """
    nodes = 1 + max(target for _, target in operations)
    used = [name for name in names if name != zero]
    columns = _sequences(tuple(name for name in used if name != identity), nodes - 1)
    counts = np.zeros(len(columns) + 5 * len(used) + 2)
    paths: list[list[str]] = []
    live: set[Edge] = set()
    for edges in _paths(nodes):
        path = [operations[edge] for edge in edges]
        if zero not in path:
            paths.append(path)
            live.update(edges)
            counts[columns[tuple(name for name in path if name != identity)]] += 1
    place = len(columns)
    for name in used:
        on_path = [path.count(name) for path in paths] or [0]
        edges_with = [edge for edge in live if operations[edge] == name]
        into, out = (
            sum(edge[1] == nodes - 1 for edge in edges_with),
            sum(edge[0] == 0 for edge in edges_with),
        )
        counts[place : place + 5] = len(edges_with), max(on_path), min(on_path), into, out
        place += 5
    counts[place:] = len(paths), len(live)
    return counts


@cache
def _paths(nodes: int) -> tuple[tuple[Edge, ...], ...]:
    """The edges of every path from node 0 to the last one."""
    stops = [
        [node for node, kept in zip(range(1, nodes - 1), mask, strict=True) if kept]
        for mask in product((0, 1), repeat=nodes - 2)
    ]
    return tuple(tuple(zip([0, *between], [*between, nodes - 1], strict=True)) for between in stops)


@cache
def _sequences(names: tuple[str, ...], longest: int) -> dict[tuple[str, ...], int]:
    """The column of every sequence of operations."""
    sequences = [
        sequence for length in range(longest + 1) for sequence in product(names, repeat=length)
    ]
    return {sequence: column for column, sequence in enumerate(sequences)}
