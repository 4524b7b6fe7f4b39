"""The cell space of NAS-Bench-101 (Ying et al., 2019): https://arxiv.org/abs/1902.09635.

A cell is a directed acyclic graph of at most seven vertices and nine edges. The first vertex is the
input, the last one the output; each of the others applies one of three operations to the sum of its
inputs. There are 423,624 cells that differ. The network stacks three stages of cells, with a max
pooling and twice the channels from one to the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations, product
from typing import Any, Final, NoReturn

import numpy as np
import torch
from torch import nn

from ray_nas.spaces.cells.vertex_cell import Matrix, VertexCell, conv_norm_relu, vertex_widths
from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choices import LayerChoice, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes

OPERATIONS: Final = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
VERTICES: Final = 7
"""Vertices of a cell, the input and the output among them."""
MAX_EDGES: Final = 9
"""Most edges between the vertices that are on a path from the input to the output."""
_EDGES: Final = {
    f"edge_{source}_{target}": (source, target)
    for target in range(1, VERTICES)
    for source in range(target)
}
_INSIDE: Final = range(1, VERTICES - 1)
Edge = tuple[int, int]
"""From vertex, to vertex."""


class NASBench101(ModelSpace):
    """The cells of NAS-Bench-101: `edge_0_1` to `edge_5_6` are 0 or 1, `op_1` to `op_5` operations.

    Vertices that are on no path from the input to the output are left out of the network. The
    `baseline` is the cell of the paper that resembles Inception.

    Args:
        channels: Width of the first stage (128 in the benchmark).
        cells_per_stage: Cells in each of the three stages (3 in the benchmark).
        num_classes: Outputs of the classifier.
        in_channels: Channels of the input images, of shape (batch, in_channels, height, width), at
            least 4 pixels.

    Raises:
        ValueError: An argument is below 1, or `channels` below 5, the most branches of a cell.

    Example:
        >>> import torch
        >>> space = NASBench101(channels=8, cells_per_stage=1)
        >>> config = space.sample(random_state=0)
        >>> space.build(config)(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
        >>> matrix, operations = space.to_spec(space.baseline)
        >>> int(matrix.sum()), operations[1]
        (9, 'conv1x1-bn-relu')
    """

    def __init__(
        self,
        channels: int = 128,
        cells_per_stage: int = 3,
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        check_sizes(
            cells_per_stage=cells_per_stage, num_classes=num_classes, in_channels=in_channels
        )
        if channels < len(_INSIDE):
            raise ValueError(f"channels must be an integer >= {len(_INSIDE)}, got {channels!r}")
        super().__init__(
            partial(_Network, channels, cells_per_stage, num_classes, in_channels),
            [input_reaches_output, at_most_nine_edges],
        )
        self.input_shape = (in_channels, 32, 32)

    @property
    def baseline(self) -> Config:
        """The cell that resembles Inception (Ying et al., 2019)."""
        conv3, conv1, pool = OPERATIONS
        edges = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)]
        return self.from_spec(_matrix(edges), ["input", conv1, conv3, conv3, conv3, pool, "output"])

    def to_spec(self, config: Mapping[str, Any]) -> tuple[Matrix, list[str]]:
        """The cell as the benchmark has it, without vertices that are on no path.

        Returns:
            The adjacency matrix, upper triangular, and the vertices' operations, from "input" to
            "output".
        """
        edges = _useful_edges(config)
        used = sorted({vertex for edge in edges for vertex in edge})
        operations = [str(config[f"op_{vertex}"]) for vertex in used[1:-1]]
        return _matrix(edges)[np.ix_(used, used)], ["input", *operations, "output"]

    def from_spec(self, matrix: Any, operations: Sequence[str]) -> Config:
        """The config of a cell in the benchmark's form.

        Args:
            matrix: Adjacency matrix of 2 to 7 vertices, upper triangular, of 0 and 1.
            operations: The vertices' operations; the first and the last are the input and the
                output, whatever their names.

        Raises:
            ValueError: It is no cell of the benchmark.
        """
        given = np.asarray(matrix)
        count = len(operations)
        if not 2 <= count <= VERTICES or given.shape != (count, count):
            raise ValueError(
                f"matrix must have as many rows and columns as there are operations, 2 to "
                f"{VERTICES}, got shape {given.shape} and {count} operations"
            )
        if np.any(np.tril(given)) or not np.isin(given, (0, 1)).all():
            raise ValueError(f"matrix must be upper triangular, of 0 and 1, got {given.tolist()}")
        places = [*range(count - 1), VERTICES - 1]
        whole = np.zeros((VERTICES, VERTICES), np.int8)
        whole[np.ix_(places, places)] = given
        config: Config = {name: int(whole[edge]) for name, edge in _EDGES.items()}
        config |= {f"op_{vertex}": OPERATIONS[0] for vertex in _INSIDE}
        config |= {f"op_{place}": operations[place] for place in range(1, count - 1)}
        self.validate(config)
        return config

    def grid(self, points_per_range: int = 5) -> Iterator[Config]:
        """All valid configs in a fixed order; edges that make no cell are skipped early."""
        for bits in product((0, 1), repeat=len(_EDGES)):
            edges: Config = dict(zip(_EDGES, bits, strict=True))
            if input_reaches_output(edges) and at_most_nine_edges(edges):
                for names in product(OPERATIONS, repeat=len(_INSIDE)):
                    operations = zip(_INSIDE, names, strict=True)
                    yield edges | {f"op_{vertex}": name for vertex, name in operations}

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Equal for cells that are the same graph with vertices in another order.

        Vertices on no path do not count. This gives the benchmark's 423,624 classes.
        """
        return canonical_form(*self.to_spec(config))

    def supernet(self) -> NoReturn:
        """There is none.

        Raises:
            ValueError: Always. How many channels a vertex has depends on all edges of the cell, so
                cells have no weights to share.
        """
        raise ValueError(
            "NASBench101 has no supernet: how many channels a vertex has depends on all edges; "
            "search with trained candidates, or in NASBench201"
        )

    def features(self, config: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Path encoding (White et al., 2021): https://arxiv.org/abs/1910.11858.

        The number of paths from the input to the output along each of the 364 sequences of
        operations, then the numbers of vertices and edges.
        """
        matrix, operations = self.to_spec(config)
        counts = np.zeros(len(_SEQUENCES) + 2)
        for sequence in _paths(matrix, operations, 0):
            counts[_SEQUENCES[sequence]] += 1
        counts[-2:] = len(operations), matrix.sum()
        return counts


def input_reaches_output(config: Mapping[str, Any]) -> bool:
    """Whether there is a path from the input to the output."""
    return bool(_useful_edges(config))


def at_most_nine_edges(config: Mapping[str, Any]) -> bool:
    """Whether the vertices on a path have at most nine edges."""
    return len(_useful_edges(config)) <= MAX_EDGES


def canonical_form(matrix: Matrix, operations: Sequence[str]) -> str:
    """A text that is equal for isomorphic cells, and for no others.

    Vertices are sorted by their operation and what surrounds them. Of the orders that remain, the
    one with the smallest matrix counts.
    """
    colors = _colors(matrix, operations)
    groups = [
        [vertex for vertex, color in enumerate(colors) if color == value]
        for value in range(max(colors) + 1)
    ]
    smallest = min(
        matrix[np.ix_(order, order)].tobytes()
        for order in (sum(parts, ()) for parts in product(*map(permutations, groups)))
    )
    names = [operations[vertex] for group in groups for vertex in group]
    bits = "".join(map(str, smallest))
    return f"{' '.join(names)} {bits}"


def _colors(matrix: Matrix, operations: Sequence[str]) -> list[int]:
    """Numbers of the vertices; equal ones look the same from all their surroundings.

    The input has the lowest number and the output the highest.
    """
    last = len(operations) - 1
    edges = [np.flatnonzero(row).tolist() for row in matrix]
    sources = [np.flatnonzero(column).tolist() for column in matrix.T]
    labels: list[Any] = [
        (0, "") if vertex == 0 else (2, "") if vertex == last else (1, name)
        for vertex, name in enumerate(operations)
    ]
    count = 0
    while True:
        ranks = {label: rank for rank, label in enumerate(sorted(set(labels)))}
        colors = [ranks[label] for label in labels]
        if len(ranks) == count:
            return colors
        count = len(ranks)
        labels = [
            (
                colors[vertex],
                tuple(sorted(colors[other] for other in edges[vertex])),
                tuple(sorted(colors[other] for other in sources[vertex])),
            )
            for vertex in range(last + 1)
        ]


def _useful_edges(config: Mapping[str, Any]) -> list[Edge]:
    """The edges on the paths from the input to the output, by their targets."""
    edges = [edge for name, edge in _EDGES.items() if config[name]]
    reached = {0}
    for source, target in edges:
        if source in reached:
            reached.add(target)
    leading = {VERTICES - 1}
    for source, target in reversed(edges):
        if target in leading:
            leading.add(source)
    return [edge for edge in edges if edge[0] in reached and edge[1] in leading]


def _matrix(edges: Sequence[Edge]) -> Matrix:
    matrix = np.zeros((VERTICES, VERTICES), np.int8)
    for edge in edges:
        matrix[edge] = 1
    return matrix


_SEQUENCES: Final = {
    sequence: column
    for column, sequence in enumerate(
        sequence
        for length in range(len(_INSIDE) + 1)
        for sequence in product(OPERATIONS, repeat=length)
    )
}
"""Sequences of operations to the columns of their counts."""


def _paths(matrix: Matrix, operations: Sequence[str], vertex: int) -> list[tuple[str, ...]]:
    """The operations on each path from a vertex to the last one, its own left out."""
    last = len(operations) - 1
    if vertex == last:
        return [()]
    return [
        (() if target == last else (operations[target],)) + rest
        for target in np.flatnonzero(matrix[vertex]).tolist()
        for rest in _paths(matrix, operations, target)
    ]


class _Network(nn.Module):
    def __init__(
        self, channels: int, cells_per_stage: int, num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        edges = _useful_edges({name: ValueChoice(name, [0, 1]) for name in _EDGES})
        layers: list[nn.Module] = [conv_norm_relu(in_channels, channels, 3)]
        inputs, width = channels, channels
        for stage in range(3):
            if stage > 0:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
                width *= 2
            for _ in range(cells_per_stage):
                layers.append(_cell(edges, inputs, width))
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.layers(images).mean((2, 3)))  # type: ignore[no-any-return]


def _cell(edges: Sequence[Edge], inputs: int, width: int) -> VertexCell:
    matrix = _matrix(edges)
    widths = vertex_widths(matrix, inputs, width)
    operations = {
        vertex: LayerChoice(f"op_{vertex}", _operations(widths[vertex])) for vertex in _INSIDE
    }
    used = {vertex: operations[vertex] for vertex in _INSIDE if matrix[vertex].any()}
    return VertexCell(matrix, used, inputs, width)


def _operations(width: int) -> dict[str, Any]:
    return {
        "conv3x3-bn-relu": partial(conv_norm_relu, width, width, 3),
        "conv1x1-bn-relu": partial(conv_norm_relu, width, width, 1),
        "maxpool3x3": partial(nn.MaxPool2d, 3, stride=1, padding=1),
    }
