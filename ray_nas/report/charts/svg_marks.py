"""`Drawing`: SVG text from marks placed in pixels. All text is escaped here, and nowhere else."""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

PHONE: Final = 480
"""A drawing narrower than this is for a phone, in pixels."""
CHARACTER: Final = 6.6
"""Width of a character, in pixels."""


class Drawing:
    """An SVG element.

    Args:
        width: In pixels.
        height: In pixels.
        label: What it shows, for those who do not see it.

    Example:
        >>> drawing = Drawing(100, 50, "A dot")
        >>> drawing.dot(10, 20, "fill c1", "<tip>")
        >>> "<title>&lt;tip&gt;</title>" in drawing.svg()
        True
    """

    def __init__(self, width: int, height: int, label: str) -> None:
        self.width, self.height = width, height
        self.is_narrow = width < PHONE
        self._label = label
        self._parts: list[str] = []
        self._above = 0.0

    def text(self, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
        """Text at a pixel."""
        kind = f' class="{style}"' if style else ""
        place = f'x="{x:.1f}" y="{y:.1f}"'
        side = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(f"<text{kind} {place}{side}>{escape(text)}</text>")

    def dot(
        self, x: float, y: float, style: str, tip: str = "", *, radius: float = 3, trial: str = ""
    ) -> None:
        """A dot; a click on it shows the trial of that id."""
        link = f" data-trial={quoteattr(trial)}" if trial else ""
        place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
        self._add("circle", f'class="{style}" {place}{link}', tip)

    def path(self, commands: str, style: str, tip: str = "") -> None:
        """A path."""
        self._add("path", f'class="{style}" d="{commands}"', tip)

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        style: str,
        tip: str = "",
        *,
        opacity: float = 1.0,
        trial: str = "",
    ) -> None:
        """A rectangle by its upper left corner."""
        seen = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
        link = f" data-trial={quoteattr(trial)}" if trial else ""
        place = f'x="{_short(x)}" y="{_short(y)}" '
        place += f'width="{_short(width)}" height="{_short(height)}"'
        self._add("rect", f'class="{style}" {place}{seen}{link}', tip)

    def legend(self, entries: Sequence[tuple[str, str]], left: float = 4.0) -> None:
        """Names of lines above the drawing, in as many rows as they need.

        Args:
            entries: Style and name of each line.
            left: Where the first one begins.
        """
        rows: list[list[tuple[float, str, str]]] = [[]]
        x = left
        for style, name in entries:
            width = 30 + CHARACTER * len(name)
            if rows[-1] and x + width > self.width:
                rows.append([])
                x = left
            rows[-1].append((x, style, name))
            x += width + 10
        for number, row in enumerate(rows):
            y = -18.0 * (len(rows) - number) + 10
            for place, style, name in row:
                self.path(f"M{place:.1f} {y - 4:.1f}h18", f"line {style}")
                self.text(place + 23, y, name, "ink")
        self._above = 18.0 * len(rows) + 6

    def svg(self) -> str:
        """The SVG element."""
        view = f"0 {-self._above:g} {self.width} {self.height + self._above:g}"
        head = f'<svg class="ray-nas-chart" viewBox="{view}" role="img"'
        return f"{head} aria-label={quoteattr(self._label)}>{''.join(self._parts)}</svg>"

    def _add(self, name: str, attributes: str, tip: str) -> None:
        end = f"><title>{escape(tip)}</title></{name}>" if tip else "/>"
        self._parts.append(f"<{name} {attributes}{end}")


def _short(pixels: float) -> str:
    return f"{pixels:.1f}".removesuffix(".0")


def shorten(text: str, characters: int) -> str:
    """Text of at most so many characters, with an ellipsis where its middle was cut out.

    Example:
        >>> shorten("nor_conv_3x3", 7)
        'nor…3x3'
    """
    if len(text) <= characters:
        return text
    tail = max((characters - 1) // 2, 1)
    return f"{text[: max(characters - 1 - tail, 1)]}…{text[-tail:]}"
