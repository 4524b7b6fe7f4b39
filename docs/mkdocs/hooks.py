"""Puts files from outside `docs/` on the site, and makes the links to them fit."""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

PAGES: Final = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files at the root, and the pages that show them."""

_LINK: Final = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
_FOLDERS: Final = ("benchmarks", "examples")
_SUFFIXES: Final = (".ipynb", ".py", ".yaml")
_ROOT: Final = Path(__file__).parents[2]


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the root, and scripts as files."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(_ROOT / source)))
    for path in (path for folder in _FOLDERS for path in sorted((_ROOT / folder).rglob("*"))):
        if path.suffix in _SUFFIXES:
            name = path.relative_to(_ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrites links that lead out of `docs/`, or from the root into it."""
    return _LINK.sub(lambda match: _moved(match, page.file.src_uri), markdown)


def _moved(match: re.Match[str], page: str) -> str:
    """A link as it has to be on the site.

    Args:
        match: The link: its path, and its anchor or None.
        page: The page that it stands on, relative to the site.
    """
    origin = {shown: source for source, shown in PAGES.items()}.get(page, f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[1]))
    target = _place(path)
    if target is None or not (_ROOT / path).is_file():
        return match[0]
    return posixpath.relpath(target, posixpath.dirname(page) or ".") + (match[2] or "")


def _place(path: str) -> str | None:
    """Where a file of the repository stands on the site; None if nowhere."""
    if path == "README.md":
        return "index.md"
    if path.split("/")[0] in _FOLDERS:
        return path
    return PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
