"""HTML by which objects show themselves in Jupyter. All text is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"


def facts(title: str, pairs: Mapping[str, object]) -> str:
    """A title and a table of names and values.

    Args:
        title: What the object is.
        pairs: Name to value; None is left out.

    Example:
        >>> "<b>a &lt;space&gt;</b>" in facts("a <space>", {"size": 3})
        True
    """
    rows = [(name, str(value)) for name, value in pairs.items() if value is not None]
    return table(title, (), rows)


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A title and a table.

    Args:
        title: What the object is.
        header: Names of the columns; none for a table without a header.
        rows: Texts; the first of each row is its name.

    Example:
        >>> table("trials", ("trial", "loss"), [("a", "0.5")]).count("<tr>")
        2
    """
    lines = [_row("th", header)] if header else []
    lines += [_row("td", row) for row in rows]
    return f"<div><b>{escape(title)}</b><table>{''.join(lines)}</table></div>"


def text(title: str, lines: str) -> str:
    """A title and text whose lines and columns stay as they are.

    Example:
        >>> text("tree", "a < b")
        '<div><b>tree</b><pre>a &lt; b</pre></div>'
    """
    return f"<div><b>{escape(title)}</b><pre>{escape(lines)}</pre></div>"


def _row(cell: str, texts: Sequence[str]) -> str:
    cells = [f'<{cell} style="{_CELL}">{escape(text)}</{cell}>' for text in texts]
    return f"<tr>{''.join(cells)}</tr>"
