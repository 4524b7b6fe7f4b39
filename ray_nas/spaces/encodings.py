"""Encodings of cells for predictors (White et al., 2020): https://arxiv.org/abs/2007.04965.

They say what the cells of a config are, and nothing of its other parameters; `SearchSpace.encode`
says all of it.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, Protocol

import numpy as np

from ray_nas.checks import check_int
from ray_nas.spaces.cells.cell_graph import CellGraph

Code = np.ndarray[tuple[int], np.dtype[np.float64]]


class CellSpace(Protocol):
    """A space whose architectures are made of cells."""

    def cells(self, config: Mapping[str, Any]) -> Mapping[str, CellGraph]: ...  # noqa: D102


def adjacency_encoding(space: CellSpace, config: Mapping[str, Any]) -> Code:
    """For each cell and each pair of nodes, which operation its edge carries (one-hot, zeros where
    there is no edge).

    Args:
        space: A cell space (`NASBench201`, `DARTS`, `HierarchicalSpace`).
        config: A config of it.

    Returns:
        A vector of 0 and 1 of the same length for all configs of the space.
    """
    entries: list[float] = []
    for cell in space.cells(config).values():
        for node, edges in enumerate(cell.nodes, start=cell.inputs):
            carried = {edge.source: edge.operation for edge in edges}
            entries += [
                float(carried.get(source) == operation)
                for source in range(node)
                for operation in cell.operations
            ]
    return np.array(entries)


def path_encoding(space: CellSpace, config: Mapping[str, Any], max_length: int = 3) -> Code:
    """For each cell and input, which sequences of operations lead from it to the cell's output.

    Cells that differ in edges that no path uses have one encoding; 84 entries for NAS-Bench-201.

    Args:
        space: A cell space (`NASBench201`, `DARTS`, `HierarchicalSpace`).
        config: A config of it.
        max_length: Longer paths are left out; the vector has a place for each sequence of up to so
            many operations.

    Returns:
        A vector of 0 and 1 of the same length for all configs of the space.

    Raises:
        ValueError: `max_length` below 1.
    """
    check_int("max_length", max_length, low=1)
    entries: list[float] = []
    for cell in space.cells(config).values():
        operations = [operation for operation in cell.operations if operation != "none"]
        sequences = [
            sequence
            for length in range(1, max_length + 1)
            for sequence in product(operations, repeat=length)
        ]
        leading = _paths(cell, max_length)
        entries += [
            float((start, sequence) in leading)
            for start in range(cell.inputs)
            for sequence in sequences
        ]
    return np.array(entries)


def _paths(cell: CellGraph, max_length: int) -> set[tuple[int, tuple[str, ...]]]:
    """The paths to the cell's output: (input, operations)."""
    paths: list[set[tuple[int, tuple[str, ...]]]] = [{(start, ())} for start in range(cell.inputs)]
    for edges in cell.nodes:
        reaching = set()
        for edge in edges:
            if edge.operation != "none":
                reaching |= {
                    (start, (*path, edge.operation))
                    for start, path in paths[edge.source]
                    if len(path) < max_length
                }
        paths.append(reaching)
    return set().union(*(paths[output] for output in cell.outputs))
