"""Axes and marks at values."""

import math
import re
from xml.etree import ElementTree

from ray_nas.report.charts.plot import Plot


def make(**more: bool) -> Plot:
    return Plot(400, 200, (0.0, 2.0), (0.0, 1.0), "epoch", "accuracy", "a chart", **more)


def texts(plot: Plot) -> list[str]:
    return [str(one.text) for one in ElementTree.fromstring(plot.svg()).iter("text")]


def test_axes_have_ticks_and_titles() -> None:
    found = texts(make())
    assert {"epoch", "accuracy", "0", "2", "1"} <= set(found)
    assert "0.5" in found or "0.4" in found


def test_whole_numbers_only() -> None:
    assert any("." in one for one in texts(make(numbered_y=False)))
    assert not any("." in one for one in texts(make(numbered_y=False, whole_x=True)))


def test_lines_have_gaps_at_what_is_not_finite() -> None:
    plot = make()
    plot.line([(0, 0.1), (1, 0.2), (1.2, math.nan), (1.5, 0.3), (2, 0.4)], "mine")
    (path,) = re.findall(r'class="line mine" d="([^"]+)"', plot.svg())
    assert path.count("M") == 2
    assert path.count("L") == 2


def test_steps_run_to_the_right_edge() -> None:
    plot = make()
    plot.steps([(1, 0.5), (2, 0.7)], "mine")
    plot.steps([], "none")
    (path,) = re.findall(r'class="line mine" d="([^"]+)"', plot.svg())
    assert path.endswith(f"H{plot.x.end:.1f}")
    assert "none" not in plot.svg()


def test_values_outside_are_put_at_the_edge() -> None:
    plot = make()
    plot.point(99.0, -5.0, "mine", "tip")
    (x, y) = re.findall(r'class="mine" cx="([\d.]+)" cy="([\d.]+)"', plot.svg())[0]
    assert (float(x), float(y)) == (plot.x.end, plot.y.start)


def test_boxes_and_bands() -> None:
    plot = make()
    plot.box((1, 2), (0, 1), "mine", "tip", trial="a")
    plot.band([0, 1], [0.1, 0.2], [0.3, 0.4])
    plot.level(0.5, "level")
    svg = plot.svg()
    assert 'data-trial="a"' in svg
    assert svg.count('class="band grey"') == 1
    assert len(ElementTree.fromstring(svg).findall("rect")) == 1
