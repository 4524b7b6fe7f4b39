"""Runs the Python blocks of the README and of the pages in `docs/`, exactly as written."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from local_ray import local_ray as start_ray

ROOT = Path(__file__).parents[2]


def read_blocks(page: str, language: str = "python") -> list[str]:
    """The fenced blocks of a page.

    Args:
        page: Path relative to the repository, such as "docs/sharing.md".
        language: What stands after the opening fence.
    """
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def run_page(
    page: str, given: Mapping[str, Any] | None = None, instead: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Runs all Python blocks of a page in order, as one module.

    Args:
        page: Path relative to the repository.
        given: Names that the blocks use and leave to the reader, such as the data.
        instead: Text of the page to what runs in its place, where that is shorter.

    Returns:
        The names that the blocks define.
    """
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__main__", **(given or {})}
    for block in read_blocks(page):
        for text, shorter in (instead or {}).items():
            block = block.replace(text, shorter)
        exec(compile(block, page, "exec"), names)
    return names


def run_script(source: str, folder: Path, num_cpus: int = 1) -> str:
    """Runs source as a script of its own, on a local Ray.

    Args:
        source: Python source, such as the blocks of a page.
        folder: Where the script is written and runs; also its home, for `~/ray_results`.
        num_cpus: CPUs of the local Ray.

    Returns:
        What the script printed.
    """
    start = (
        "import os\n"
        "import ray\n"
        f'ray.init(address="local", num_cpus={num_cpus}, num_gpus=0, include_dashboard=False,\n'
        "         log_to_driver=False)\n"
        f"os.environ['HOME'] = {str(folder)!r}\n"
    )
    script = folder / "script.py"
    script.write_text(start + source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AIR_NEW_OUTPUT": "0"}
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


@contextmanager
def local_ray(home: Path) -> Iterator[None]:
    """A local Ray with one CPU, and `home` as the home folder, for `~/ray_results`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        with start_ray(logging_level="error"):
            patch.setenv("HOME", str(home))  # not earlier: Ray keeps its token at home
            yield
