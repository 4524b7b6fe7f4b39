"""`Plot`: a drawing with two axes, whose marks are placed at values."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from ray_nas.report.charts.scales import Scale, format_tick
from ray_nas.report.charts.svg_marks import CHARACTER, Drawing

_TICK_GAP_X: Final = 64.0
"""Pixels per tick along x."""
_TICK_GAP_Y: Final = 48.0
_FOOT: Final = 42.0
"""Room for the ticks and the title of x, in pixels."""

Point = tuple[float, float]
Span = tuple[float, float]


class Plot(Drawing):
    """A chart with two axes, drawn mark by mark.

    Args:
        width: In pixels.
        height: In pixels.
        x: Range of the values along x.
        y: Range of the values along y.
        x_title: What x is.
        y_title: What y is.
        label: What the chart shows, for those who do not see it.
        left: Room for labels at the left, in pixels; None for what the ticks of y need, or for none
            where y has no ticks.
        numbered_y: Whether y has ticks and grid lines.
        whole_x: Whether x has whole numbers only.

    Example:
        >>> plot = Plot(300, 200, (0, 10), (0, 1), "trials", "accuracy", "Accuracy by trial")
        >>> plot.line([(0, 0.1), (10, 0.9)], "c1")
        >>> plot.svg().startswith('<svg class="ray-nas-chart"')
        True
    """

    def __init__(
        self,
        width: int,
        height: int,
        x: Span,
        y: Span,
        x_title: str,
        y_title: str,
        label: str,
        *,
        left: float | None = None,
        numbered_y: bool = True,
        whole_x: bool = False,
    ) -> None:
        super().__init__(width, height, label)
        top = 24.0 if y_title else 10.0
        self.y = Scale(*y, height - _FOOT, top)
        ticks = self.y.ticks(_number(height - _FOOT - top, _TICK_GAP_Y)) if numbered_y else []
        longest = max((len(format_tick(tick)) for tick in ticks), default=0)
        self.left = 14.0 + CHARACTER * longest if left is None else left
        self.x = Scale(*x, self.left, width - 16.0)
        self._whole_x = whole_x
        self._draw_axes(ticks, x_title, y_title)

    def _draw_axes(self, y_ticks: Sequence[float], x_title: str, y_title: str) -> None:
        bottom, right = self.y.start, self.x.end
        for tick in y_ticks:
            y = self.y(tick)
            self.path(f"M{self.left:.1f} {y:.1f}H{right:.1f}", "grid")
            self.text(self.left - 6, y + 4, format_tick(tick), anchor="end")
        x_ticks = self.x.ticks(_number(right - self.left, _TICK_GAP_X))
        for tick in x_ticks:
            if self._whole_x and not tick.is_integer():
                continue
            x = self.x(tick)
            self.path(f"M{x:.1f} {bottom:.1f}v4", "axis")
            self.text(x, bottom + 17, format_tick(tick), anchor="middle")
        self.path(f"M{self.left:.1f} {bottom:.1f}H{right:.1f}", "axis")
        self.text(right, self.height - 6, x_title, anchor="end")
        if y_title:
            self.text(4, 13, y_title)

    def line(self, points: Iterable[Point], style: str, tip: str = "") -> None:
        """A line through points; gaps at values that are not finite."""
        path, pen = [], "M"
        for x, y in points:
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            path.append(f"{pen}{self.x(x):.1f} {self.y(y):.1f}")
            pen = "L"
        self.path("".join(path), f"line {style}", tip)

    def steps(self, points: Sequence[Point], style: str) -> None:
        """A line that changes at points only, and runs on to the right edge."""
        if not points:
            return
        path = [f"M{self.x(points[0][0]):.1f} {self.y(points[0][1]):.1f}"]
        path += [f"H{self.x(x):.1f}V{self.y(y):.1f}" for x, y in points[1:]]
        self.path(f"{''.join(path)}H{self.x.end:.1f}", f"line {style}")

    def band(self, xs: Iterable[float], lows: Iterable[float], highs: Iterable[float]) -> None:
        """The area between two lines."""
        rows = list(zip(xs, lows, highs, strict=True))
        there = [f"{self.x(x):.1f} {self.y(low):.1f}" for x, low, _ in rows]
        back = [f"{self.x(x):.1f} {self.y(high):.1f}" for x, _, high in rows[::-1]]
        if rows:
            self.path(f"M{'L'.join([*there, *back])}Z", "band grey")

    def point(
        self, x: float, y: float, style: str, tip: str, *, radius: float = 3.5, trial: str = ""
    ) -> None:
        """A dot; a click on it shows the trial of that id."""
        self.dot(self.x(x), self.y(y), style, tip, radius=radius, trial=trial)

    def box(
        self,
        x: Span,
        y: Span,
        style: str,
        tip: str = "",
        *,
        opacity: float = 1.0,
        trial: str = "",
    ) -> None:
        """A rectangle."""
        left, right = sorted((self.x(x[0]), self.x(x[1])))
        top, bottom = sorted((self.y(y[0]), self.y(y[1])))
        width, height = max(right - left, 0.5), max(bottom - top, 0.5)
        self.rectangle(left, top, width, height, style, tip, opacity=opacity, trial=trial)

    def level(self, y: float, style: str, tip: str = "") -> None:
        """A line across the chart."""
        self.line([(self.x.low, y), (self.x.high, y)], style, tip)


def _number(length: float, gap: float) -> int:
    return max(2, int(length // gap))
