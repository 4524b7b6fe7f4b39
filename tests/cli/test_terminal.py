"""Untrusted text on a terminal."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ray_nas.cli import app
from ray_nas.cli.terminal import fail, visible


@pytest.mark.parametrize(
    "text",
    [
        "conv[depthwise]",
        "[/conv]",
        "[red]x",
        ":warning:",
        "\x1b[31mred",
        "a\nb",
        "\x9b2J",
        "\ud800",
        "\u202eevil",
        "é网",
    ],
)
def test_data_are_shown_as_they_are_and_a_terminal_obeys_none(
    tmp_path: Path, text: str, write: Callable[..., str], show: Callable[..., str]
) -> None:
    child = {
        "trial": f"two {text}",
        "config": {f"op {text}": f"new {text}"},
        "move": f"move {text}",
        "parents": ["one"],
    }
    write(
        tmp_path,
        {"trial": "one", "config": {f"op {text}": f"old {text}"}, "metrics": {f"loss {text}": 1.0}},
        {**child, "metrics": {f"loss {text}": 0.5}},
        objectives={f"loss {text}": "min"},
        searcher=f"Searcher {text}",
    )
    shown = show(tmp_path)
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    for what in ("two", "op", "new", "move", "loss", "Searcher", "old"):
        assert f"{what} {plain}" in shown
    assert shown.count(f"loss {plain}") == 4  # in the title, the table and twice in the lineage
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert json.loads(show(tmp_path, "--json"))["trials"][0]["trial"] == child["trial"]


def test_errors_keep_their_brackets(tmp_path: Path, write: Callable[..., str]) -> None:
    write(tmp_path, {})
    result = CliRunner().invoke(app, ["show", str(tmp_path), "--trial", "[red]\x1b[31m"])
    assert result.exit_code == 2
    assert "--trial: [red]\\x1b[31m is not one of the experiment's 1 trials" in result.output


def test_control_characters_are_escaped_and_letters_are_not() -> None:
    assert visible("é网 [red]") == "é网 [red]"
    assert visible("a\x1b[2J\n\u202e") == "a\\x1b[2J\\n\\u202e"


def test_failing_prints_to_stderr_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as exit_info:
        fail("first\nsecond")
    assert exit_info.value.exit_code == 2
    assert capsys.readouterr().out == ""
