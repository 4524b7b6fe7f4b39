"""`ray-nas explain`."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.terminal import console, errors


def run(*arguments: str) -> tuple[int, str]:
    console.width = errors.width = 300
    result = CliRunner().invoke(app, ["explain", *arguments])
    return result.exit_code, result.output


def test_a_trial_is_explained(tmp_path: Path, write: Callable[..., str]) -> None:
    write(tmp_path, {}, {"move": "mutation", "parents": ["t0"], "config": {"x": 2}})
    code, printed = run(str(tmp_path), "t1")
    assert code == 0
    assert "Why it was proposed: it is a mutation of t0." in printed
    assert "t0 had loss 0 then; changed: x 1 -> 2." in printed
    assert run(str(tmp_path)) == run(str(tmp_path), "best") == run(str(tmp_path), "t0")


def test_json_has_the_same_parts(tmp_path: Path, write: Callable[..., str]) -> None:
    write(tmp_path, {})
    code, printed = run(str(tmp_path), "--json")
    assert code == 0
    assert json.loads(printed)["ended"] == ["it ran to its end, after 1 report."]


def test_an_unknown_trial_is_named_with_the_file(tmp_path: Path, write: Callable[..., str]) -> None:
    file = write(tmp_path, {}, {})
    code, printed = run(str(tmp_path), "t00")
    assert code == 2
    assert f"{file}: trial must be 'best' or the id of one of the record's 2 trials" in printed
    assert "close to it: t0" in printed


def test_text_of_a_record_is_no_markup(tmp_path: Path, write: Callable[..., str]) -> None:
    write(tmp_path, {"trial": "[red]\x1b[31m", "move": "random"})
    code, printed = run(str(tmp_path))
    assert code == 0
    assert "Trial [red]\\x1b[31m" in printed
