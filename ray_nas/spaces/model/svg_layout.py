"""Places boxes and arrows in layers, and writes them as SVG (Sugiyama et al., 1981).

grandalf, an optional dependency, places the boxes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from ray_nas.extras import extra

_CHARACTER: Final = 6.6
"""Width of a character at the drawing's font size, in pixels."""
_LINE: Final = 14.0
"""Height of a line of text, in pixels."""
_PADDING: Final = 8.0
_GAP: Final = 34.0
"""Space between two pictures, in pixels."""
_COLOURS: Final = {"end": "#e8e8e8", "layer": "#dbe9f6", "join": "#fdf1d6", "choice": "#dff0dd"}

_HEAD: Final = """<svg class="ray-nas-drawing" xmlns="http://www.w3.org/2000/svg" \
width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">
<style>
.ray-nas-drawing rect {{ stroke: #555; rx: 4 }}
.ray-nas-drawing rect.changed {{ stroke: #c24e00; stroke-width: 2.5 }}
.ray-nas-drawing text {{ font: 11px monospace; text-anchor: middle }}
.ray-nas-drawing text.title {{ font-weight: bold; text-anchor: start }}
.ray-nas-drawing text.detail {{ fill: #666 }}
.ray-nas-drawing polyline {{ fill: none; stroke: #555; marker-end: url(#tip) }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" \
markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>"""

_Box = tuple[float, float, float, float]
"""Centre (x, y), width and height."""
_Line = list[tuple[float, float]]
"""The points of an arrow."""


@dataclass
class Picture:
    """Boxes and the arrows between them."""

    title: str = ""
    boxes: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    """The lines of text in each box, and its kind, which decides the colour; "changed" after the
    kind gives it a thick border."""
    arrows: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of indices into `boxes`: from, to."""

    def add(self, lines: Sequence[str], kind: str, sources: Iterable[int] = ()) -> int:
        """Adds a box with arrows from other boxes; returns its index."""
        self.boxes.append((tuple(filter(None, lines)), kind))
        index = len(self.boxes) - 1
        self.arrows += [(source, index) for source in dict.fromkeys(sources)]
        return index


def svg(pictures: Sequence[Picture]) -> str:
    """The pictures side by side, as one SVG document.

    Raises:
        ImportError: The layout library is not installed.
    """
    parts: list[str] = []
    left = _PADDING
    height = 0.0
    for picture in pictures:
        boxes, lines = _place(picture)
        drawn, right, bottom = _draw(picture, boxes, lines, left)
        parts += drawn
        left = right + _GAP
        height = max(height, bottom)
    head = _HEAD.format(width=left - _GAP + _PADDING, height=height + _PADDING)
    return "\n".join([head, *parts, "</svg>"])


def _draw(
    picture: Picture, boxes: list[_Box], lines: list[_Line], start: float
) -> tuple[list[str], float, float]:
    """The elements of a picture that starts at x = `start`, and its right and bottom edges."""
    # Extent of what is drawn
    left = min(x - width / 2 for x, _, width, _ in boxes)
    left = min([left, *(x for line in lines for x, _ in line)])
    top = min(y - height / 2 for _, y, _, height in boxes)
    right = max(
        [x + width / 2 for x, _, width, _ in boxes]
        + [x for line in lines for x, _ in line]
        + [left + _CHARACTER * len(picture.title)]
    )
    bottom = max(y + height / 2 for _, y, _, height in boxes)
    dx = start - left
    dy = _PADDING + (_LINE + _PADDING if picture.title else 0.0) - top

    # Title, arrows, boxes
    parts = [f'<g transform="translate({dx:.1f} {dy:.1f})">']
    if picture.title:
        corner = f'x="{left:.1f}" y="{top - _PADDING:.1f}"'
        parts.append(f'<text class="title" {corner}>{escape(picture.title)}</text>')
    for line in lines:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        parts.append(f'<polyline points="{points}"/>')
    for box, (texts, kind) in zip(boxes, picture.boxes, strict=True):
        parts += _draw_box(box, texts, kind)
    return [*parts, "</g>"], start + right - left, dy + bottom


def _draw_box(box: _Box, texts: Sequence[str], kind: str) -> list[str]:
    x, y, width, height = box
    corner = f'x="{x - width / 2:.1f}" y="{y - height / 2:.1f}"'
    size = f'width="{width:.1f}" height="{height:.1f}"'
    parts = [f'<rect class="{kind}" {corner} {size} fill="{_COLOURS[kind.split()[0]]}"/>']
    for row, text in enumerate(texts):
        style = "name" if row == 0 else "detail"
        baseline = y + _LINE * (row - (len(texts) - 1) / 2) + 4
        place = f'x="{x:.1f}" y="{baseline:.1f}"'
        parts.append(f'<text class="{style}" {place}>{escape(text)}</text>')
    return parts


def _place(picture: Picture) -> tuple[list[_Box], list[_Line]]:
    """The layout library's places for boxes and arrows."""
    with extra("draw", package="grandalf", needed_by="draw"):
        from grandalf.graphs import Edge, Graph, Vertex
        from grandalf.layouts import SugiyamaLayout, VertexViewer
        from grandalf.routing import EdgeViewer, route_with_lines
    # Boxes and arrows as the library's vertices and edges
    vertices = []
    for texts, _ in picture.boxes:
        vertex = Vertex()
        width = _CHARACTER * max(map(len, texts)) + 2 * _PADDING
        vertex.view = VertexViewer(w=width, h=_LINE * len(texts) + _PADDING)
        vertices.append(vertex)
    edges = [Edge(vertices[source], vertices[target]) for source, target in picture.arrows]
    for edge in edges:
        edge.view = EdgeViewer()

    # Unconnected parts side by side
    right = 0.0
    for component in Graph(vertices, edges).C:
        layout = SugiyamaLayout(component)
        layout.xspace = 16
        layout.yspace = 22
        layout.route_edge = route_with_lines
        layout.init_all()
        layout.draw(3)
        placed = list(component.sV)
        shift = right - min(vertex.view.xy[0] - vertex.view.w / 2 for vertex in placed)
        for vertex in placed:
            vertex.view.xy = (vertex.view.xy[0] + shift, vertex.view.xy[1])
        for edge in component.sE:
            edge.view._pts = [(x + shift, y) for x, y in edge.view._pts]
        right = max(vertex.view.xy[0] + vertex.view.w / 2 for vertex in placed) + _GAP
    boxes = [(*vertex.view.xy, vertex.view.w, vertex.view.h) for vertex in vertices]
    return boxes, [edge.view._pts for edge in edges]
