"""The file behind a record: events are appended, so that a save costs what happened since the last.

Each line ends with a checksum of all lines so far (`seal`). A mark (file name, length, checksum of
the last line) in the searcher's state says how much of the file belongs to it. A restore goes back
to the mark and drops what a killed driver wrote after it.

Tune copies record and state to the storage one after the other. If the driver dies in between, the
record may be older than the state. So the mark also holds the last lines of the record, with which
a restore completes it.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from ray_nas.record import files, seal
from ray_nas.record.events import Event, UnknownEvent, encode
from ray_nas.record.experiment import RecordError, decode_lines

Mark: TypeAlias = Mapping[str, Any]
"""The record's file name, its length in bytes, its last line's checksum, and its last lines."""

_TAIL_BYTES: Final = 65_536
"""A mark holds what the last save wrote, and what earlier ones did if it is less than that."""


class EventLog:
    """Collects events and appends them to a file of its own."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lines: list[bytes] = []
        self._tail: deque[bytes] = deque()
        """What each of the last saves wrote."""
        self._bytes = 0
        self._checksum = 0
        """Of the last line, whether it is written or not."""

    def append(self, event: Event) -> None:
        """Adds an event; the next `save` writes it."""
        line, self._checksum = seal.seal(encode(event), self._checksum)
        self._lines.append(line)

    def save(self, folder: Path) -> Mark:
        """Appends the new events to the record in `folder`.

        Returns:
            The mark to give to `restore`.

        Raises:
            OSError: The storage is full or read-only; the earlier content is intact.
        """
        if self._path is None or self._path.parent != folder:
            self._path = self._move(folder / files.new_name())
        path = self._path
        written = b"".join(self._lines)
        with writing(path), path.open("r+b" if self._bytes else "wb") as file:
            file.seek(self._bytes)  # overwrites what an interrupted save left
            file.truncate()
            file.write(written)
        self._bytes += len(written)
        self._lines = []
        return {
            "file": path.name,
            "bytes": self._bytes,
            "crc32": self._checksum,
            "tail": self._extend_tail(written).decode(),
        }

    def restore(self, folder: Path, mark: Mark) -> list[Event | UnknownEvent]:
        """Goes back to the save that returned `mark`, and drops later events.

        Returns:
            The events up to then.

        Raises:
            RecordError: The record is missing, shorter than the mark says, or was changed.
        """
        path = folder / Path(mark["file"]).name
        if not path.exists():
            raise RecordError(
                f"{path} is missing: the searcher's state needs the record that was saved beside it"
            )
        tail = mark["tail"].encode()
        start = mark["bytes"] - len(tail)
        content = path.read_bytes()[: mark["bytes"]]
        is_short = start <= len(content) < mark["bytes"]
        if is_short:
            content = content[:start] + tail
        lines = list(decode_lines(content, path))
        checksum = lines[-1][1] if lines else 0
        if len(content) < mark["bytes"] or checksum != mark["crc32"]:
            raise RecordError(
                f"{path} is damaged: its first {mark['bytes']} bytes are not those that the "
                "searcher's state was saved with"
            )
        self._path = path
        self._lines = [tail] if is_short else []  # the next save writes it
        self._tail = deque([] if is_short else [tail])
        self._bytes = start if is_short else len(content)
        self._checksum = checksum
        return [event for event, _ in lines]

    def _extend_tail(self, written: bytes) -> bytes:
        """Adds what a save wrote to the tail, and drops what the tail need not hold any more."""
        if written:
            self._tail.append(written)
        while len(self._tail) > 1 and sum(map(len, self._tail)) > _TAIL_BYTES:
            self._tail.popleft()
        return b"".join(self._tail)

    def _move(self, path: Path) -> Path:
        """Copies what was written so far to a new folder; the old file stays."""
        if self._path is not None and self._bytes:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name("ray_nas_record.partial")
                shutil.copyfile(self._path, partial)
                os.replace(partial, path)
        return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says in the error of a full or read-only storage what it means for the search."""
    try:
        yield
    except OSError as error:
        message = (
            f"the search cannot be saved ({error.strerror}); earlier saves are intact: "
            "make room, then restore"
        )
        raise OSError(error.errno, message, str(path)) from error
