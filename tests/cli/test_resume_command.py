"""`ray-nas resume`: what it takes from the search, and what has to be named."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ray_nas.cli import app, tune_experiment
from ray_nas.cli.command_file import Command


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is resumed, without Tune."""
    calls: list[tuple[Any, ...]] = []

    def resume_search(place: str, trainable: Any, resources: Any, *, retry_failed: bool) -> str:
        calls.append((trainable.__name__, resources, retry_failed))
        return place

    monkeypatch.setattr(tune_experiment, "resume_search", resume_search)
    return calls


def test_trainable_and_resources_are_those_of_the_search(
    folder: Path, tmp_path: Path, resumed: list, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    monkeypatch.chdir(folder)
    Command.here("mine:space", "mine:train", "cpu=2").write(str(tmp_path))
    write(tmp_path, {})
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["resume", str(tmp_path)])
    assert result.exit_code == 0, result.output
    CliRunner().invoke(app, ["resume", str(tmp_path), "--resources", "cpu=1", "--retry-failed"])
    assert resumed == [("train", {"cpu": 2.0}, False), ("train", {"cpu": 1.0}, True)]


def test_a_scripts_experiment_needs_its_trainable(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["resume", str(tmp_path)])
    assert result.exit_code == 2
    assert "--trainable MODULE:NAME" in result.output.replace("\n", " ")
