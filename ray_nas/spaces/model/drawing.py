"""Architectures as pictures: which operation, layer or join is connected to which."""

from typing import Any, TypeAlias

from torch import fx, nn

from ray_nas.spaces.cells.cell_graph import CellGraph
from ray_nas.spaces.model.choices import InputChoice, LayerChoice, Repeat
from ray_nas.spaces.model.svg_layout import Picture

_Layers: TypeAlias = dict[str, nn.Module] | None
"""A network's layers by name, to compare with; None to compare with nothing."""

_MAX_DETAIL = 34
"""Longer descriptions of a layer are cut, in characters."""


def picture_of_cell(title: str, cell: CellGraph, other: CellGraph | None = None) -> Picture:
    """A cell: its inputs, a box for each operation, and a plus for each sum.

    Edges that carry zeros are left out.

    Args:
        title: Stands above the cell.
        cell: The cell.
        other: A cell to compare with: operations that it does not have there are marked as changed.
    """
    before = {edge.name: edge for edges in other.nodes for edge in edges} if other else None
    picture = Picture(title)
    places: list[int | None] = [
        picture.add([f"input {index}" if cell.inputs > 1 else "input"], "end")
        for index in range(cell.inputs)
    ]
    for edges in cell.nodes:
        parts = []
        for edge in edges:
            source = places[edge.source]
            if source is not None and edge.operation != "none":
                is_changed = before is not None and before.get(edge.name) != edge
                kind = "choice changed" if is_changed else "choice"
                parts.append(picture.add([edge.operation], kind, [source]))
        if len(parts) > 1:
            parts = [picture.add(["+"], "join", parts)]
        places.append(parts[0] if parts else None)
    outputs = [places[output] for output in cell.outputs]
    picture.add(["output"], "end", [place for place in outputs if place is not None])
    return picture


def picture_of_network(title: str, network: nn.Module, other: nn.Module | None = None) -> Picture:
    """A network: a box for each layer, each choice and each join of several values.

    If the control flow of the network's `forward` depends on its values, it cannot be traced: then
    its children are drawn in sequence.

    Args:
        title: Stands above the network.
        network: The network.
        other: A network to compare with: layers that it does not have are marked as changed.
    """
    before = None if other is None else dict(other.named_modules())
    try:
        graph = _Tracer(network).trace(network)
    except (fx.proxy.TraceError, TypeError):
        return _sequence(title, network, before)
    picture = Picture(title)
    made: dict[fx.Node, list[int]] = {}
    for node in graph.nodes:
        sources = _places(made, node.all_input_nodes)
        if node.op == "placeholder":
            made[node] = [picture.add(["input"], "end")]
        elif node.op == "output":
            picture.add(["output"], "end", sources)
        elif node.op == "call_module":
            layer = network.get_submodule(str(node.target))
            if isinstance(layer, InputChoice):
                sources = _places(made, [node.args[0][index] for index in layer.chosen_indices])
            if _changes_nothing(layer, sources):
                made[node] = sources
            else:
                name = str(node.target)
                kind = _kind(name, layer, before)
                made[node] = [picture.add(_describe(name, layer), kind, sources)]
        elif len(sources) > 1:
            name = str(getattr(node.target, "__name__", node.target))
            made[node] = [picture.add([name], "join", sources)]
        else:
            made[node] = sources
    return picture


def _places(made: dict[fx.Node, list[int]], nodes: list[Any]) -> list[int]:
    """The boxes that these nodes of the graph stand for, each once."""
    return list(dict.fromkeys(place for node in nodes for place in made[node]))


def _changes_nothing(layer: nn.Module, sources: list[int]) -> bool:
    if isinstance(layer, InputChoice):
        return len(sources) == 1
    return isinstance(layer, nn.Identity | nn.Dropout)


def _sequence(title: str, network: nn.Module, before: _Layers) -> Picture:
    """The children of a network in the order of their definition."""
    picture = Picture(title)
    place = picture.add(["input"], "end")
    for name, layer in network.named_children():
        place = picture.add(_describe(name, layer), _kind(name, layer, before), [place])
    picture.add(["output"], "end", [place])
    return picture


class _Tracer(fx.Tracer):
    """Traces a network down to torch's layers, choices and the blocks of a `Repeat`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._blocks = {
            id(block)
            for module in network.modules()
            if isinstance(module, Repeat)
            for block in module
        }

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        choice = isinstance(m, LayerChoice | InputChoice) or id(m) in self._blocks
        return choice or bool(super().is_leaf_module(m, module_qualified_name))


def _describe(name: str, layer: nn.Module) -> list[str]:
    """The lines of a layer's box."""
    if isinstance(layer, LayerChoice):
        return [layer.chosen, name]
    if isinstance(layer, InputChoice):
        return [layer.reduction, name]
    detail = layer.extra_repr()
    if len(detail) > _MAX_DETAIL:
        detail = f"{detail[: _MAX_DETAIL - 2]}..."
    return [type(layer).__name__, detail, name]


def _kind(name: str, layer: nn.Module, before: _Layers) -> str:
    if isinstance(layer, LayerChoice):
        kind = "choice"
    else:
        kind = "join" if isinstance(layer, InputChoice) else "layer"
    if before is None:
        return kind
    other = before.get(name)
    is_same = other is not None and _describe(name, other) == _describe(name, layer)
    return kind if is_same else f"{kind} changed"
