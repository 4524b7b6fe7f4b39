"""Features of a cell for performance predictors: path encoding and graph counts.

White et al. (2020), https://arxiv.org/abs/2007.04965, compare encodings; Kadlecova et al. (2024),
https://arxiv.org/abs/2404.16551, count operations on paths. Both depend only on the cell's
function: edges that carry nothing are left out, and skip connections shorten a path.
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
        zero: The operation that carries nothing.
        identity: The operation that changes nothing.

    Returns:
        A 1-D array of whole numbers. First, how many paths from input to output apply each sequence
        of operations (`identity` left out). Then, for each operation but `zero`: how often it is on
        edges in use, most and fewest on one path, on edges into the output, on edges out of the
        input. Last, the numbers of paths and of edges in use.

    Example:
        >>> cell = {(0, 1): "conv", (0, 2): "skip", (1, 2): "conv"}
        >>> cell_features(cell, ["none", "skip", "conv"], zero="none", identity="skip").tolist()
        [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0, 2.0, 3.0]
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
        into = sum(target == nodes - 1 for _, target in edges_with)
        out = sum(source == 0 for source, _ in edges_with)
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
