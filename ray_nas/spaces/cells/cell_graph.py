"""Keys of small computation graphs: equal keys mean equal functions under matched weights.

A graph is written down as the formula of its outputs. Writing it removes what does not count: edges
that carry zeros, what no output reaches, identities (their sums merge into the sum they stand in),
the order of terms and of nodes. Edges with weights are numbered in the order of the formula, so
that one layer used twice differs from two layers of one kind.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Edge(NamedTuple):
    """An operation on the value of an earlier node."""

    operation: str
    source: int
    name: str
    """The edge's name in the network, by which its weights are found."""


@dataclass(frozen=True)
class CellGraph:
    """A cell as a graph in which each node is the sum of its edges."""

    inputs: int
    """How many inputs it has: nodes 0 to inputs - 1."""
    nodes: Sequence[Sequence[Edge]]
    """The edges into each further node."""
    outputs: Sequence[int]
    """The nodes whose values leave the cell."""
    operations: tuple[str, ...]
    """What an edge may carry."""


@dataclass(frozen=True)
class _Term:
    """An operation applied to a sum of terms, or an input of the graph (without a sum)."""

    operation: str
    edge: str | None
    """The edge whose weights it uses, None without weights."""
    arguments: tuple["_Term", ...]
    shape: str
    """The term written without weights, by which terms are sorted."""


@dataclass(frozen=True)
class GraphKey:
    """The key, and in which order it mentions the edges with weights and the outputs (for
    matching two graphs).
    """

    text: str
    edges: tuple[str, ...]
    outputs: tuple[int, ...]


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
        inputs: How many inputs the graph has: nodes 0 to inputs - 1.
        nodes: The edges into each further node, in an order in which sources come before their
            users.
        outputs: The nodes whose values leave the graph, each by a way of its own, so that their
            order does not count.
        zeros: Operations whose result is zero.
        identities: Operations that hand on their input.
        weightless: Operations without weights that make zeros of zeros (pooling).
    """
    labels: dict[str, int] = {}
    known = 0
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
                    shape = f"{operation}{labels.get(name, '')}({'+'.join(term.shape for term in value)})"
                    terms.append(
                        _Term(operation, None if operation in weightless else name, value, shape)
                    )
            values.append(tuple(sorted(terms, key=lambda term: term.shape)))
        order = sorted(outputs, key=lambda output: [term.shape for term in values[output]])
        refined = _labels([values[output] for output in order])
        classes = len(set(refined.values()))
        if classes == known:
            break
        labels, known = refined, classes
    numbers: dict[str, int] = {}
    text = " ; ".join([_write(values[output], numbers) for output in order])
    return GraphKey(text, tuple(numbers), tuple(order))


def _labels(outputs: Sequence[tuple[_Term, ...]]) -> dict[str, int]:
    """A number for each edge with weights, by what it computes and where that is used.

    Edges that compute the same (twins) are told apart by their uses; those that are still alike are
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
    """The formula, its edges numbered as they come."""
    parts = []
    for term in value:
        if term.shape == term.operation:  # an input
            parts.append(term.operation)
            continue
        number = "" if term.edge is None else f"#{numbers.setdefault(term.edge, len(numbers))}"
        parts.append(f"{term.operation}{number}({_write(term.arguments, numbers)})")
    return "+".join(parts)
