"""State files of searchers and schedulers: JSON with named fields, whole or refused."""

import json
import os
import reprlib
import zlib
from pathlib import Path
from typing import Any, Final

from ray_nas.record import writing

FORMAT: Final = "ray_nas state"
VERSION: Final = 1
_SEAL: Final = b', "crc32": '


class StateError(ValueError):
    """A state file that cannot be used; the message says why."""


def write(path: Path, fields: dict[str, Any]) -> None:
    """Writes the fields (JSON values) so that the file is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with writing(path):
        partial.write_text(encode(fields))
        os.replace(partial, path)


def encode(fields: dict[str, Any]) -> str:
    """The text of a state file: the fields, and last a checksum of all before it."""
    text = json.dumps({"format": FORMAT, "version": VERSION, **fields})[:-1]
    return f"{text}{_SEAL.decode()}{zlib.crc32(text.encode())}}}"


def read(path: Path) -> dict[str, Any]:
    """The fields of a state file.

    Raises:
        StateError: The file is missing, damaged, or none that `write` made.
    """
    try:
        content = path.read_bytes()
        fields = json.loads(content)
    except FileNotFoundError as error:
        raise StateError(f"{path} does not exist") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is damaged: it is no JSON ({error})") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise StateError(f"{path} is no state file of ray_nas")
    if not isinstance(fields.get("version"), int) or fields["version"] > VERSION:
        raise StateError(
            f"{path} has version {reprlib.repr(fields.get('version'))}, this package reads up to {VERSION}"
        )
    text, _, _ = content.rpartition(_SEAL)
    if fields.pop("crc32", None) != zlib.crc32(text):
        raise StateError(f"{path} is damaged: its checksum is another")
    return fields
