"""State files: what is written, read back, refused."""

import json
from pathlib import Path

import pytest

from ray_nas.state import state_file


def test_what_was_written_is_read(tmp_path: Path) -> None:
    state_file.write(tmp_path / "state.json", {"a": [1, {"b": None}]})
    assert state_file.read(tmp_path / "state.json") == {
        "format": "ray_nas state",
        "version": 3,
        "a": [1, {"b": None}],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "damaged: it is not JSON"),
        (b"\xff", "damaged: it is not JSON"),
        (b"[]", "is not a state file of ray_nas"),
        (b'{"format": "ray_nas state"}', "has version None, this package reads version 3"),
        (b'{"format": "ray_nas state", "version": "1"}', "has version '1'"),
        (b'{"format": "ray_nas state", "version": 1}', "has version 1"),
        (
            json.dumps({"format": "ray_nas state", "version": 3, "crc32": "0"}).encode(),
            "its checksum does not match",
        ),
    ],
)
def test_what_is_no_state_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(state_file.StateError, match=message):
        state_file.read(tmp_path / "state.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(state_file.StateError, match=r"state.json does not exist"):
        state_file.read(tmp_path / "state.json")
