"""Objects, resources and schedulers as they are named on the command line."""

from pathlib import Path

import pytest
import typer

from ray_nas.cli.references import load_object, parse_asha, parse_resources


def test_resources_and_asha_are_parsed() -> None:
    assert parse_resources("cpu=1, gpu=0.25") == {"cpu": 1.0, "gpu": 0.25}
    assert parse_asha("epoch=27") == ("epoch", 27)
    assert parse_asha(None) is None


@pytest.mark.parametrize("wrong", ["cpu=-1", "=1", "cpu=many"])
def test_malformed_resources_end_the_command(wrong: str) -> None:
    with pytest.raises(typer.Exit):
        parse_resources(wrong)


def test_a_malformed_asha_ends_the_command() -> None:
    with pytest.raises(typer.Exit):
        parse_asha("epoch=0")


def test_objects_are_found_by_the_path_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.path", [])
    (tmp_path / "named_on_the_command_line.py").write_text("number = 7\n")
    file = tmp_path / "named_on_the_command_line.py"
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    assert load_object(f"{file}:number", "SPACE") == 7
    with pytest.raises(typer.Exit):
        load_object(f"{file}:other", "SPACE")
    assert "has no 'other'" in capsys.readouterr().err
