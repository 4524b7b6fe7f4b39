"""Finds records in the folder of an experiment, as a path or as a URI that pyarrow can read.

Each record has its own file name: an experiment that starts anew under an old name writes a new
record beside the earlier one.
"""

import fnmatch
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

RECORD_FILES: Final = "ray_nas_record-*.json"
"""Names sort by time. They end in `.json`: `Tuner.restore` copies only `*.json` and `*.pkl`."""


def new_name() -> str:
    """The file name of a record that starts now."""
    return RECORD_FILES.replace("*", datetime.now(timezone.utc).strftime("%Y-%m-%d_%H-%M-%S_%f"))


def find(place: str | Path) -> list[str]:
    """The records in an experiment's folder, oldest first.

    Args:
        place: The folder, as a path or a URI; or one record, which is returned alone.

    Raises:
        FileNotFoundError: There is no record.
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
            f"no {RECORD_FILES} in {place}: "
            "is it the folder of an experiment that a ray_nas searcher ran?"
        )
    return sorted(found)


def read(file: str) -> bytes:
    """The content of a file that `find` returned."""
    if not is_uri(file):
        return Path(file).read_bytes()
    filesystem, path = _filesystem(file)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def write(file: str, content: bytes) -> None:
    """Writes a small file, at a path or a URI; its folder is made if it is missing."""
    if not is_uri(file):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_bytes(content)
        return
    filesystem, path = _filesystem(file)
    filesystem.create_dir(path.rpartition("/")[0], recursive=True)
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def is_uri(place: str | Path) -> bool:
    """Whether it is a URI rather than a path."""
    return "://" in str(place)


def inside(place: str, name: str) -> str:
    """The path or URI of a file in a folder; a URI's options (`?region=...`) stay at its end."""
    folder, mark, options = place.partition("?") if is_uri(place) else (place, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


def _find_remote(uri: str) -> list[str]:
    from pyarrow.fs import FileSelector, FileType

    filesystem, path = _filesystem(uri)
    if filesystem.get_file_info(path).type == FileType.File:
        return [uri]
    infos = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
    names = [info.base_name for info in infos]
    return [inside(uri, name) for name in names if fnmatch.fnmatchcase(name, RECORD_FILES)]


def _filesystem(uri: str) -> tuple[Any, str]:
    """Opens a URI as Tune opens its `storage_path`; pyarrow comes with `ray[tune]`."""
    import pyarrow
    from pyarrow.fs import FileSystem

    try:
        filesystem, path = FileSystem.from_uri(uri)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(f"pyarrow cannot read {uri}: {error}") from error
    return filesystem, path
