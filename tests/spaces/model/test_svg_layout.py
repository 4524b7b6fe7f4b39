"""Pictures as SVG documents."""

import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from ray_nas.spaces import DARTS, HierarchicalSpace, MobileNetSpace, NASBench201, TransformerSpace
from ray_nas.spaces.model.svg_layout import Picture, svg


@pytest.mark.parametrize(
    "make",
    [NASBench201, DARTS, HierarchicalSpace, TransformerSpace, MobileNetSpace],
    ids=lambda make: make.__name__,
)
def test_drawings_are_svg_with_every_box_inside_and_none_over_another(make: Any) -> None:
    pytest.importorskip("grandalf")
    space = make()
    root = ElementTree.fromstring(space.draw(space.sample(random_state=0)))
    name = "{http://www.w3.org/2000/svg}"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for group in root.iter(f"{name}g"):
        dx, dy = map(
            float, group.attrib["transform"].removeprefix("translate(").removesuffix(")").split()
        )
        boxes = [
            tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            for rect in group.iter(f"{name}rect")
        ]
        assert len(boxes) >= 3
        for index, (x, y, w, h) in enumerate(boxes):
            assert x + dx >= 0
            assert y + dy >= 0
            assert x + dx + w <= width
            assert y + dy + h <= height
            for a, b, c, d in boxes[:index]:
                assert x >= a + c or a >= x + w or y >= b + d or b >= y + h


def test_without_the_layout_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "grandalf.graphs", None)
    space = NASBench201()
    with pytest.raises(ImportError, match=r'pip install "ray-nas\[draw\]"'):
        space.draw(space.sample(random_state=0))


def test_pictures_are_side_by_side_with_their_titles_and_escaped_text() -> None:
    pytest.importorskip("grandalf")
    pictures = []
    for title in ("a long title over a small picture", "b"):
        picture = Picture(title)
        start = picture.add(["x < y"], "end")
        picture.add(["sum"], "join", [start, start])
        assert picture.arrows == [(0, 1)], "an arrow is drawn once"
        pictures.append(picture)
    document = svg(pictures)
    assert "x &lt; y" in document
    root = ElementTree.fromstring(document)
    groups = list(root.iter("{http://www.w3.org/2000/svg}g"))
    starts = [
        float(group.attrib["transform"].removeprefix("translate(").split()[0]) for group in groups
    ]
    assert starts[1] - starts[0] > 6 * len(pictures[0].title)
