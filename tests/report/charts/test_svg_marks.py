"""Marks in pixels: text is escaped, and the SVG is well-formed."""

from xml.etree import ElementTree

import pytest

from ray_nas.report.charts.svg_marks import Drawing, shorten

EVIL = "<script>\"'&"


def test_all_text_is_escaped() -> None:
    drawing = Drawing(200, 100, EVIL)
    drawing.text(0, 0, EVIL)
    drawing.dot(1, 1, "fill c1", EVIL, trial=EVIL)
    drawing.rectangle(1, 1, 5, 5, "fill c1", EVIL, opacity=0.5, trial=EVIL)
    drawing.path("M0 0", "line c1", EVIL)
    drawing.legend([("c1", EVIL)])
    root = ElementTree.fromstring(drawing.svg())
    texts = [one.text for one in root.iter() if one.text]
    assert texts.count(EVIL) == 5
    assert [one.get("data-trial") for one in root.iter("circle")] == [EVIL]
    assert root.get("aria-label") == EVIL


def test_a_legend_takes_as_many_rows_as_it_needs() -> None:
    drawing = Drawing(200, 100, "chart")
    drawing.legend([("c1", "a long name of a line")] * 3)
    root = ElementTree.fromstring(drawing.svg())
    _, top, _, height = map(float, root.get("viewBox", "").split())
    assert (top, height) == (-60, 160)
    places = [float(element.get("y", "0")) for element in root.iter("text")]
    assert len(set(places)) == 3
    assert all(top + 10 < place < 0 for place in places)


@pytest.mark.parametrize("length", range(1, 13))
def test_shortened_text_fits(length: int) -> None:
    assert len(shorten("nor_conv_3x3", length)) <= max(length, 3)
    assert shorten("nor_conv_3x3", 12) == "nor_conv_3x3"
    assert shorten("nor_conv_1x1", 7) != shorten("nor_conv_3x3", 7)
