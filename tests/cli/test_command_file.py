"""What a search was started with, for `ray-nas resume`."""

from pathlib import Path

import pytest

from ray_nas.cli.command_file import Command, read_command


def test_a_command_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = Command.here("net.py:space", "package.module:train", "cpu=1")
    assert command.space == f"{tmp_path}/net.py:space"
    assert command.trainable == "package.module:train"
    command.write(f"{tmp_path}/run")
    assert read_command(f"{tmp_path}/run") == command
    assert read_command(f"file://{tmp_path}/run") == command


def test_an_experiment_of_a_script_has_none(tmp_path: Path) -> None:
    assert read_command(str(tmp_path)) is None
    assert read_command(f"file://{tmp_path}") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"folder": "x"}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "ray_nas_command.json").write_text(content)
    with pytest.raises(ValueError, match=r"ray_nas_command.json is damaged .* --trainable"):
        read_command(str(tmp_path))
