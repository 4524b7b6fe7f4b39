"""The command line as a whole."""

import json
import re
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
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    monkeypatch.delenv("RAY_AIR_NEW_OUTPUT")  # restored at the end
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
        ],
    )
    assert run.exit_code == 0, run.output
    assert "4 of 4 trials | best accuracy" in run.output
    assert "Configuration for experiment" not in run.output
    assert "LocalSearch on accuracy (max), 4 trials" in run.output
    again = CliRunner().invoke(app, ["resume", f"file://{folder}/runs/first"])
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
    replayed = CliRunner().invoke(app, ["replay", "runs/first", "--space", "mine:space"])
    assert replayed.exit_code == 0, replayed.output
    assert "no difference" in replayed.output


COMMANDS = ("search", "resume", "simulate", "show", "explain", "replay", "spaces", "searchers")


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    for command in COMMANDS:
        assert f" {command} " in text
    assert "--install-completion" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output


@pytest.mark.parametrize("command", ["show", "explain", "replay", "resume"])
def test_a_folder_without_an_experiment_is_named_with_a_remedy(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    more = ["--trainable", "mine:train"] if command == "resume" else []
    result = CliRunner().invoke(app, [command, "nowhere", *more])
    assert result.exit_code == 2
    assert "nowhere" in result.output
    assert re.search("is it the folder of an experiment|no Tune experiment", result.output)


@pytest.mark.parametrize("command", ["show", "explain", "replay"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:60], "does not begin with the experiment's properties"),
        (
            lambda content: b'{"event":"experiment","searcher":"RandomSearch","version":2}\n',
            "it has version 2, this package reads version 3: read it with the package version",
        ),
        (lambda content: content.replace(b'"x":1', b'"x":7', 1), "x is 7, and was 1"),
    ],
    ids=["half-written", "of another version", "changed"],
)
def test_a_record_that_cannot_be_read_is_named_with_what_is_wrong(
    command: str,
    damage: Callable[[bytes], bytes],
    message: str,
    tmp_path: Path,
    write: Callable[..., str],
) -> None:
    path = Path(write(tmp_path, {}, {}))
    path.write_bytes(damage(path.read_bytes()))
    result = CliRunner().invoke(app, [command, str(tmp_path)])
    assert result.exit_code == 2
    assert message in result.output.replace("\n", "")
    assert path.name in result.output.replace("\n", "")
