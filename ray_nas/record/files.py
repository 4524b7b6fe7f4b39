"""Where records lie: files of an experiment's folder, or of a URI that pyarrow knows, each with a
name of its own.

An experiment that is begun anew under an old name writes beside the earlier record, not over it.
"""

import fnmatch
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

RECORD_FILES: Final = "ray_nas_record-*.json"
"""Names end in `.json` since a restore of Tune brings back no other files than `*.json` and
`*.pkl`; they sort by time.
"""


def new_name() -> str:
    """The name of a record that begins now."""
    return RECORD_FILES.replace("*", datetime.now(timezone.utc).strftime("%Y-%m-%d_%H-%M-%S_%f"))


def find(place: str | Path) -> list[str]:
    """The records in an experiment's folder (a path or a URI), oldest first; a record itself is
    found alone.

    Raises:
        FileNotFoundError: There are none.
        ValueError: pyarrow cannot read such a URI.
    """
    if is_uri(place):
        found = _find_remote(str(place))
    elif Path(place).is_dir():
        found = [str(path) for path in Path(place).glob(RECORD_FILES)]
    else:
        found = [str(place)] if Path(place).exists() else []
    if not found:
        raise FileNotFoundError(
            f"no {RECORD_FILES} in {place}: is it the folder of an experiment that a ray_nas searcher ran?"
        )
    return sorted(found)


def read(file: str) -> bytes:
    """The content of a file that `find` found."""
    if not is_uri(file):
        return Path(file).read_bytes()
    filesystem, path = _filesystem(file)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def is_uri(place: str | Path) -> bool:
    """Whether it is a URI, not a path."""
    return "://" in str(place)


def inside(place: str, name: str) -> str:
    """The path or URI of what lies in a folder; options of a URI (`?region=...`) stay at its
    end.
    """
    folder, mark, options = place.partition("?") if is_uri(place) else (place, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


def _find_remote(uri: str) -> list[str]:
    from pyarrow.fs import FileSelector, FileType

    filesystem, path = _filesystem(uri)
    if filesystem.get_file_info(path).type == FileType.File:
        return [uri]
    names = [
        info.base_name
        for info in filesystem.get_file_info(FileSelector(path, allow_not_found=True))
    ]
    return [inside(uri, name) for name in names if fnmatch.fnmatchcase(name, RECORD_FILES)]


def _filesystem(uri: str) -> tuple[Any, str]:
    """As Tune reads its `storage_path`; pyarrow comes with `ray[tune]` and takes long to load."""
    import pyarrow
    from pyarrow.fs import FileSystem

    try:
        filesystem, path = FileSystem.from_uri(uri)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(f"pyarrow cannot read {uri}: {error}") from error
    return filesystem, path
