"""`Figure`: one chart, for a page, a notebook or a file."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

WIDE: Final = 760
"""Width on a screen, in pixels."""
NARROW: Final = 358
"""Width on a phone, in pixels."""


@dataclass(frozen=True)
class Figure:
    """A chart that shows itself in Jupyter; in a page it has a second form for phones.

    Example:
        >>> figure = Figure("Loss", "falls", lambda width: f'<svg width="{width}"></svg>')
        >>> figure.svg(300)
        '<svg width="300"></svg>'
    """

    title: str
    caption: str
    """What it shows, in a sentence: also for those who do not see it."""
    draw: Callable[[int], str]
    """The SVG at a width in pixels."""

    def svg(self, width: int = WIDE) -> str:
        """The chart as an SVG element, without its style."""
        return self.draw(width)

    def save(self, path: str | Path) -> Path:
        """Writes the chart as an SVG file.

        Returns:
            The path.
        """
        head, tail = self.svg().split(">", 1)
        style = f"<style>{chart_style()}</style>"
        namespace = "" if "xmlns=" in head else ' xmlns="http://www.w3.org/2000/svg"'
        path = Path(path)
        path.write_text(f"{head}{namespace}>{style}{tail}", encoding="utf-8")
        return path

    def html(self) -> str:
        """The chart for a page: two drawings, of which the page's style shows the one that fits."""
        return (
            f'<figure class="chart"><figcaption><strong>{escape(self.title)}</strong> '
            f"{escape(self.caption)}</figcaption>"
            f'<div class="wide">{self.svg(WIDE)}</div>'
            f'<div class="narrow">{self.svg(NARROW)}</div></figure>'
        )

    def _repr_html_(self) -> str:
        return (
            f"<style>{chart_style()}</style><figure style='margin:0;max-width:{WIDE}px'>"
            f"<figcaption><strong>{escape(self.title)}</strong> {escape(self.caption)}"
            f"</figcaption>{self.svg(WIDE)}</figure>"
        )


def chart_style() -> str:
    """The style of all charts; every rule is about `svg.ray-nas-chart`."""
    return (files("ray_nas.report") / "templates" / "chart.css").read_text(encoding="utf-8")
