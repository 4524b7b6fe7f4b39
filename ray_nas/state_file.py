"""State files of searchers and schedulers: JSON with named fields, whole or refused."""

import json
import os
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "ray_nas state"
VERSION: Final = 1


class StateError(ValueError):
    """A state file that cannot be used; the message says why."""


def write(path: Path, fields: dict[str, Any]) -> None:
    """Writes the fields (JSON values) so that the file is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps({"format": FORMAT, "version": VERSION, **fields}))
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """The fields of a state file.

    Raises:
        StateError: The file is missing, damaged, or none that `write` made.
    """
    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StateError(f"{path} does not exist") from error
    except ValueError as error:
        raise StateError(f"{path} is damaged: it is no JSON ({error})") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise StateError(f"{path} is no state file of ray_nas")
    if fields["version"] > VERSION:
        raise StateError(f"{path} has version {fields['version']}, this package reads up to {VERSION}")
    return fields
