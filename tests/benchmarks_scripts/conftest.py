"""Imports and runs the benchmark scripts."""

import importlib
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def load_script() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a benchmark by its name, with its folder on the path as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a benchmark by its name as `python benchmarks/NAME.py` does; captures what it prints.

    It runs in this process: a new one takes seconds to import torch and Ray.
    """
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "benchmarks" / f"{name}.py"), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        status = 0
        with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
            try:
                runpy.run_path(command[0], run_name="__main__")
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
                if isinstance(end.code, str):
                    errors.write(end.code)
        return subprocess.CompletedProcess(command, status, output.getvalue(), errors.getvalue())

    return run
