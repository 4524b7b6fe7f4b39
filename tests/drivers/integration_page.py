"""Runs a section of docs/integrations.md as a script, and counts the lines that a search adds."""

import re
from typing import Any

import torch
from page_runner import ROOT

PAGE = "docs/integrations.md"
MARK = "  # <-"


def read_section(heading: str) -> str:
    """The Python blocks below a heading, up to the next one, as one source."""
    page = (ROOT / PAGE).read_text()
    section = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", _shielded(page), re.M | re.S
    )
    assert section is not None, f"{PAGE} has no section {heading!r}"
    return "".join(re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)).replace("\0", "#")


def run_section(heading: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Runs a section.

    Args:
        heading: The section's heading, without its number signs.
        names: What an earlier section has defined.

    Returns:
        The names that are defined afterwards.
    """
    torch.manual_seed(0)
    names = {"__name__": "__main__"} if names is None else names
    exec(compile(read_section(heading), f"{PAGE}: {heading}", "exec"), names)
    return names


def count_marked(heading: str) -> int:
    """How many lines of a section are marked as added."""
    return sum(line.endswith(MARK) for line in read_section(heading).splitlines())


def announced(heading: str) -> int:
    """How many lines the page's table says."""
    row = re.search(rf"^\|[^|\n]*\[`?{re.escape(heading.strip('`'))}`?\][^|\n]*\| (\d+) \|",
                    (ROOT / PAGE).read_text(), re.M)  # fmt: skip
    assert row is not None, f"the table of {PAGE} has no row for {heading!r}"
    return int(row[1])


def _shielded(page: str) -> str:
    """The page with the number signs of code hidden, which are no headings."""
    return re.sub(r"```.*?```", lambda block: block[0].replace("#", "\0"), page, flags=re.DOTALL)
