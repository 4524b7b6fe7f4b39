"""Drawings of architectures as SVG: what is connected to what, laid out in layers by grandalf
(Sugiyama et al., 1981).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from torch import fx, nn

from ray_nas.spaces.cells.cell_graph import CellGraph
from ray_nas.spaces.model.choices import InputChoice, LayerChoice, Repeat

_CHARACTER: Final = 6.6
"""Width of a character at the drawing's font size, in pixels."""
_LINE, _PADDING, _GAP = 14.0, 8.0, 34.0
_COLOURS: Final = {"end": "#e8e8e8", "layer": "#dbe9f6", "join": "#fdf1d6", "choice": "#dff0dd"}


@dataclass
class Picture:
    """Boxes (their lines of text and a kind for the colour) and arrows between them, by their
    places in the list.
    """

    title: str = ""
    boxes: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)

    def add(self, lines: Sequence[str], kind: str, sources: Iterable[int] = ()) -> int:
        """Adds a box with arrows from others; returns its place."""
        self.boxes.append((tuple(filter(None, lines)), kind))
        place = len(self.boxes) - 1
        self.arrows += [(source, place) for source in dict.fromkeys(sources)]
        return place


def picture_of_cell(title: str, cell: CellGraph) -> Picture:
    """A cell: its inputs, a box for each operation, a plus for each sum; what carries zeros is
    left out.
    """
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
                parts.append(picture.add([edge.operation], "choice", [source]))
        places.append(
            picture.add(["+"], "join", parts) if len(parts) > 1 else parts[0] if parts else None
        )
    picture.add(
        ["output"],
        "end",
        [place for output in cell.outputs if (place := places[output]) is not None],
    )
    return picture


def picture_of_network(title: str, network: nn.Module) -> Picture:
    """A network: a box for each layer, for what stands in a `LayerChoice` or `Repeat`, and for each
    join of several values.

    Where the network's `forward` depends on its values, so that it cannot be followed, its parts
    are drawn in sequence.
    """
    picture = Picture(title)
    try:
        graph = _Tracer(network).trace(network)
    except (fx.proxy.TraceError, TypeError):
        place = picture.add(["input"], "end")
        for name, layer in network.named_children():
            place = picture.add(_describe(name, layer), _kind(layer), [place])
        picture.add(["output"], "end", [place])
        return picture
    made: dict[fx.Node, list[int]] = {}
    for node in graph.nodes:
        sources = list(
            dict.fromkeys(place for used in node.all_input_nodes for place in made[used])
        )
        if node.op == "placeholder":
            made[node] = [picture.add(["input"], "end")]
        elif node.op == "output":
            picture.add(["output"], "end", sources)
        elif node.op == "call_module":
            layer = network.get_submodule(str(node.target))
            if isinstance(layer, InputChoice):
                taken = [node.args[0][index] for index in layer.picked]
                sources = [place for used in taken for place in made[used]]
            passes = isinstance(layer, nn.Identity | nn.Dropout) or (
                isinstance(layer, InputChoice) and len(sources) == 1
            )
            made[node] = (
                sources
                if passes
                else [picture.add(_describe(str(node.target), layer), _kind(layer), sources)]
            )
        elif len(sources) > 1:
            made[node] = [
                picture.add([str(getattr(node.target, "__name__", node.target))], "join", sources)
            ]
        else:
            made[node] = sources
    return picture


class _Tracer(fx.Tracer):
    """Follows a network down to torch's layers, choices and the blocks of a `Repeat`."""

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
    if isinstance(layer, LayerChoice):
        return [layer.chosen, name]
    if isinstance(layer, InputChoice):
        return [layer.reduction, name]
    detail = layer.extra_repr()
    return [type(layer).__name__, detail if len(detail) <= 34 else f"{detail[:32]}...", name]


def _kind(layer: nn.Module) -> str:
    return (
        "choice"
        if isinstance(layer, LayerChoice)
        else "join"
        if isinstance(layer, InputChoice)
        else "layer"
    )


def svg(pictures: Sequence[Picture]) -> str:
    """The pictures side by side as one SVG document.

    Raises:
        ImportError: The layout library is not installed.
    """
    parts: list[str] = []
    right, bottom = _PADDING, 0.0
    for picture in pictures:
        boxes, lines = _layout(picture)
        left = min(x - width / 2 for x, _, width, _ in boxes)
        left = min([left, *(x for line in lines for x, _ in line)])
        top = min(y - height / 2 for _, y, _, height in boxes)
        dx, dy = right - left, _PADDING + (_LINE + _PADDING if picture.title else 0.0) - top
        parts.append(f'<g transform="translate({dx:.1f} {dy:.1f})">')
        if picture.title:
            parts.append(
                f'<text class="title" x="{left:.1f}" y="{top - _PADDING:.1f}">{escape(picture.title)}</text>'
            )
        for line in lines:
            parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in line)}"/>')
        for (x, y, width, height), (texts, kind) in zip(boxes, picture.boxes, strict=True):
            corner = f'x="{x - width / 2:.1f}" y="{y - height / 2:.1f}"'
            parts.append(
                f'<rect {corner} width="{width:.1f}" height="{height:.1f}" fill="{_COLOURS[kind]}"/>'
            )
            for row, text in enumerate(texts):
                baseline = y + _LINE * (row - (len(texts) - 1) / 2) + 4
                parts.append(
                    f'<text class="{"name" if row == 0 else "detail"}" x="{x:.1f}" y="{baseline:.1f}">{escape(text)}</text>'
                )
        parts.append("</g>")
        edge = max(
            [x + width / 2 for x, _, width, _ in boxes]
            + [x for line in lines for x, _ in line]
            + [left + _CHARACTER * len(picture.title)]
        )
        right += edge - left + _GAP
        bottom = max(bottom, dy + max(y + height / 2 for _, y, _, height in boxes))
    width, height = right - _GAP + _PADDING, bottom + _PADDING
    return "\n".join([_HEAD.format(width=width, height=height), *parts, "</svg>"])


_HEAD: Final = """<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">
<style>
rect {{ stroke: #555; rx: 4 }} text {{ font: 11px monospace; text-anchor: middle }}
text.title {{ font-weight: bold; text-anchor: start }} text.detail {{ fill: #666 }}
polyline {{ fill: none; stroke: #555; marker-end: url(#tip) }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>"""

_Box = tuple[float, float, float, float]


def _layout(picture: Picture) -> tuple[list[_Box], list[list[tuple[float, float]]]]:
    """The boxes (centre, width, height) and the arrows (points), as the layout library places
    them.
    """
    try:
        from grandalf.graphs import Edge, Graph, Vertex
        from grandalf.layouts import SugiyamaLayout, VertexViewer
        from grandalf.routing import EdgeViewer, route_with_lines
    except ImportError as error:
        raise ImportError(
            "drawing needs a graph layout library: pip install 'ray-nas[draw]'"
        ) from error
    vertices = []
    for texts, _ in picture.boxes:
        vertex = Vertex()
        vertex.view = VertexViewer(
            w=_CHARACTER * max(map(len, texts)) + 2 * _PADDING, h=_LINE * len(texts) + _PADDING
        )
        vertices.append(vertex)
    edges = [Edge(vertices[source], vertices[target]) for source, target in picture.arrows]
    for edge in edges:
        edge.view = EdgeViewer()
    right = 0.0
    for component in Graph(vertices, edges).C:
        layout = SugiyamaLayout(component)
        layout.xspace, layout.yspace, layout.route_edge = 16, 22, route_with_lines
        layout.init_all()
        layout.draw(3)
        placed = list(component.sV)
        shift = right - min(vertex.view.xy[0] - vertex.view.w / 2 for vertex in placed)
        for vertex in placed:
            vertex.view.xy = (vertex.view.xy[0] + shift, vertex.view.xy[1])
        for edge in component.sE:
            edge.view._pts = [(x + shift, y) for x, y in edge.view._pts]
        right = max(vertex.view.xy[0] + vertex.view.w / 2 for vertex in placed) + _GAP
    return [(*vertex.view.xy, vertex.view.w, vertex.view.h) for vertex in vertices], [
        edge.view._pts for edge in edges
    ]
