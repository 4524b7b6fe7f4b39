"""Cells as graphs, and their keys: equal keys mean equal functions under matched weights.

The key writes a graph as the formula of its outputs. Writing the formula removes what does not
matter: edges that carry zeros, parts that no output reaches, identities (their sums merge into the
sum around them), and the order of terms and of nodes. Edges with weights are numbered in the order
of the formula, so a layer used twice differs from two layers of one kind.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Edge(NamedTuple):
    """An operation on the value of an earlier node."""

    operation: str
    source: int
    name: str
    """The edge's name in the network, which identifies its weights."""


@dataclass(frozen=True)
class CellGraph:
    """A cell as a graph in which each node is the sum of its edges."""

    inputs: int
    """Number of inputs: nodes 0 to inputs - 1."""
    nodes: Sequence[Sequence[Edge]]
    """The edges into each further node."""
    outputs: Sequence[int]
    """The nodes that are outputs of the cell."""
    operations: tuple[str, ...]
    """The operations that an edge may have."""


@dataclass(frozen=True)
class _Term:
    """An operation applied to a sum of terms, or an input of the graph (without a sum)."""

    operation: str
    edge: str | None
    """The edge whose weights it uses; None without weights."""
    arguments: tuple["_Term", ...]
    shape: str
    """The term written without weights, by which terms are sorted."""


@dataclass(frozen=True)
class GraphKey:
    """The key of a graph, and the orders by which two graphs with one key can be matched."""

    text: str
    edges: tuple[str, ...]
    """The edges with weights, in the order of the text."""
    outputs: tuple[int, ...]
    """The outputs, in the order of the text."""


def graph_key(
    inputs: int,
    nodes: Sequence[Sequence[Edge]],
    outputs: Sequence[int],
    *,
    zeros: Collection[str] = ("none",),
    identities: Collection[str] = ("skip_connect",),
    weightless: Collection[str] = (),
) -> GraphKey:
    """The key of a graph in which each node is the sum of its edges.

    Args:
        inputs: Number of inputs: nodes 0 to inputs - 1.
        nodes: The edges into each further node; sources come before the nodes that use them.
        outputs: The nodes that are outputs. Their order does not count.
        zeros: Operations whose result is zero.
        identities: Operations that return their input.
        weightless: Operations without weights that return zeros for zeros (pooling).

    Example:
        >>> conv = Edge("conv", 0, "edge")
        >>> graph_key(1, [[conv], [Edge("skip_connect", 1, "skip")]], [2]).text
        'conv#0(x0)'
    """
    # Refine the labels of edges with weights until no further edges can be told apart
    labels: dict[str, int] = {}
    classes = 0
    while True:
        values: list[tuple[_Term, ...]] = [
            (_Term(f"x{index}", None, (), f"x{index}"),) for index in range(inputs)
        ]
        for edges in nodes:
            terms: list[_Term] = []
            for operation, source, name in edges:
                value = values[source]
                if operation in zeros:
                    continue
                if operation in identities:
                    terms += value
                elif value or operation not in weightless:
                    argument = "+".join(term.shape for term in value)
                    shape = f"{operation}{labels.get(name, '')}({argument})"
                    edge = None if operation in weightless else name
                    terms.append(_Term(operation, edge, value, shape))
            values.append(tuple(sorted(terms, key=lambda term: term.shape)))
        order = sorted(outputs, key=lambda output: [term.shape for term in values[output]])
        refined = _labels([values[output] for output in order])
        if len(set(refined.values())) == classes:
            break
        labels = refined
        classes = len(set(refined.values()))

    # Write the formula
    numbers: dict[str, int] = {}
    text = " ; ".join([_write(values[output], numbers) for output in order])
    return GraphKey(text, tuple(numbers), tuple(order))


def _labels(outputs: Sequence[tuple[_Term, ...]]) -> dict[str, int]:
    """A number for each edge with weights, from what it computes and where the result is used.

    Uses distinguish edges that compute the same. Edges that still have equal numbers are
    interchangeable.
    """
    uses: dict[str, list[str]] = {}

    def visit(value: tuple[_Term, ...], context: str) -> None:
        for term in value:
            if term.edge is not None:
                uses.setdefault(term.edge, []).append(f"{term.shape}<{context}")
            visit(term.arguments, f"{term.shape}<{context}")

    for value in outputs:
        visit(value, "+".join(term.shape for term in value))
    signatures = {edge: sorted(contexts) for edge, contexts in uses.items()}
    ranks = {tuple(signature): rank for rank, signature in enumerate(sorted(signatures.values()))}
    return {edge: ranks[tuple(signature)] for edge, signature in signatures.items()}


def _write(value: tuple[_Term, ...], numbers: dict[str, int]) -> str:
    """The formula; edges are numbered as they occur."""
    parts = []
    for term in value:
        if term.shape == term.operation:  # an input
            parts.append(term.operation)
            continue
        number = "" if term.edge is None else f"#{numbers.setdefault(term.edge, len(numbers))}"
        parts.append(f"{term.operation}{number}({_write(term.arguments, numbers)})")
    return "+".join(parts)
