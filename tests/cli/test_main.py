"""The command line as a whole."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ray_nas.cli import app


def test_search_resume_and_show(
    folder: Path,
    runtime: None,
    monkeypatch: pytest.MonkeyPatch,
    ray_nas: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    arguments = [
        "search",
        "mine:space",
        "mine:train",
        "--metric",
        "accuracy",
        "--num-samples",
        "4",
        "--storage-path",
        "runs",
        "--name",
        "first",
    ]
    run = CliRunner().invoke(
        app,
        [
            *arguments,
            "--searcher",
            "LocalSearch",
            "--seed",
            "1",
            "--resources",
            "cpu=0.5",
            "--verbose",
            "0",
        ],
    )
    assert run.exit_code == 0, run.output
    assert "LocalSearch on accuracy (max), 4 trials" in run.output
    arguments[arguments.index("runs")] = f"file://{folder}/runs"
    again = CliRunner().invoke(app, [*arguments, "--resume", "--verbose", "0"])
    assert again.exit_code == 0, again.output
    assert (
        f"LocalSearch on accuracy (max), 4 trials in file://{folder}/runs/first"
        in again.output.replace("\n", "")
    )
    shown = ray_nas(folder, "show", "runs/first", "--top", "2")
    assert shown.returncode == 0
    assert "4 completed" in shown.stdout
    assert "lineage of" in shown.stdout
    ranked = json.loads(ray_nas(folder, "show", "runs/first", "--json").stdout)
    values = [trial["metrics"]["accuracy"] for trial in ranked["trials"]]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert "search" in text
    assert "show" in text
