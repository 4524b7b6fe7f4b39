"""State files of searchers and schedulers: JSON with named fields and a checksum."""

import json
import os
import reprlib
import zlib
from pathlib import Path
from typing import Any, Final

from ray_nas.record.log import writing

FORMAT: Final = "ray_nas state"
VERSION: Final = 3
_SEAL: Final = b', "crc32": '


class StateError(ValueError):
    """A state file that cannot be used; the message says why."""


def write(path: Path, fields: dict[str, Any]) -> None:
    """Writes a state file completely or not at all.

    Args:
        path: The file.
        fields: JSON values by name.

    Raises:
        OSError: The storage is full or read-only; an earlier file is intact.
    """
    partial = path.with_name(path.name + ".partial")
    with writing(path):
        partial.write_text(encode(fields))
        os.replace(partial, path)


def encode(fields: dict[str, Any]) -> str:
    """The text of a state file: the fields, then a checksum of everything before it."""
    text = json.dumps({"format": FORMAT, "version": VERSION, **fields})[:-1]
    return f"{text}{_SEAL.decode()}{zlib.crc32(text.encode())}}}"


def read(path: Path) -> dict[str, Any]:
    """The fields of a state file.

    Raises:
        StateError: The file is missing, damaged, of another version, or not one of ours.
    """
    try:
        content = path.read_bytes()
        fields = json.loads(content)
    except FileNotFoundError as error:
        raise StateError(f"{path} does not exist") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise StateError(f"{path} is not a state file of ray_nas")
    if fields.get("version") != VERSION:
        raise StateError(
            f"{path} has version {reprlib.repr(fields.get('version'))}, this package reads "
            f"version {VERSION}: restore with the package version that wrote it"
        )
    text, _, _ = content.rpartition(_SEAL)
    if fields.pop("crc32", None) != zlib.crc32(text):
        raise StateError(f"{path} is damaged: its checksum does not match its content")
    return fields
