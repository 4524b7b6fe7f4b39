"""A cell whose vertices carry the operations, as NAS-Bench-101 defines it.

Ying et al. (2019), https://arxiv.org/abs/1902.09635
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

Matrix = np.ndarray[tuple[int, int], np.dtype[np.int8]]
"""Adjacency matrix: 1 in row i, column j for an edge from vertex i to vertex j > i."""


def conv_norm_relu(inputs: int, width: int, kernel: int) -> nn.Sequential:
    """Convolution, batch norm and ReLU; the image keeps its size."""
    return nn.Sequential(
        nn.Conv2d(inputs, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


def vertex_widths(matrix: Matrix, inputs: int, width: int) -> list[int]:
    """The channels of each vertex.

    The vertices before the output divide its channels; every other one has as many as the widest
    that follows it, and at least 1.

    Args:
        matrix: The edges.
        inputs: Channels of the input.
        width: Channels of the output.
    """
    last = len(matrix) - 1
    widths = [inputs] + [1] * (last - 1) + [width]
    before = [vertex for vertex in range(1, last) if matrix[vertex, last]]
    for place, vertex in enumerate(before):
        widths[vertex] = width // len(before) + (place < width % len(before))
    for vertex in range(last - 1, 0, -1):
        if vertex not in before:
            following = np.flatnonzero(matrix[vertex]).tolist()
            widths[vertex] = max((widths[target] for target in following), default=1)
    return widths


class VertexCell(nn.Module):
    """A graph whose vertices apply layers to the sums of their inputs.

    Vertices that lead to the output are concatenated there, and share its channels. Edges from the
    input are 1x1 convolutions; the others cut off the channels that the next vertex has less.

    Args:
        matrix: The edges; those of vertices on no path from first to last are left out.
        operations: Vertex to its layer, for the vertices between first and last that are on a path.
        inputs: Channels of the input.
        width: Channels of the output.
    """

    def __init__(
        self, matrix: Matrix, operations: Mapping[int, nn.Module], inputs: int, width: int
    ) -> None:
        super().__init__()
        self._last = len(matrix) - 1
        self._widths = vertex_widths(matrix, inputs, width)
        self._sources = {
            vertex: np.flatnonzero(matrix[:, vertex]).tolist()
            for vertex in (*operations, self._last)
        }
        self.operations = nn.ModuleDict({str(name): layer for name, layer in operations.items()})
        self.projections = nn.ModuleDict(
            {
                str(vertex): conv_norm_relu(inputs, self._widths[vertex], 1)
                for vertex, sources in self._sources.items()
                if 0 in sources
            }
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The output, of the same height and width as the images."""
        values: dict[int, torch.Tensor] = {}
        for name, operation in self.operations.items():
            vertex = int(name)
            total = self._projection(vertex, images)
            for source in self._sources[vertex]:
                if source > 0:
                    total = total + values[source][:, : self._widths[vertex]]
            values[vertex] = operation(total)
        direct = self._projection(self._last, images)
        parts = [values[source] for source in self._sources[self._last] if source > 0]
        return torch.cat(parts, 1) + direct if parts else torch.as_tensor(direct)

    def _projection(self, vertex: int, images: torch.Tensor) -> torch.Tensor | float:
        """What an edge from the input brings; 0 if there is none."""
        if str(vertex) not in self.projections:
            return 0.0
        return self.projections[str(vertex)](images)  # type: ignore[no-any-return]
