"""Finished runs of a benchmark in a file, so that one that was interrupted goes on."""

import json
from pathlib import Path
from typing import Any


class ResultCache:
    """JSON values by key, one a line of a file; without a path they are kept in memory alone.

    It knows nothing of the code that made a result: delete the file when a searcher has changed.

    Args:
        path: The file; it is made at the first result.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                key, value = json.loads(line)
                self._known[json.dumps(key)] = value

    def get(self, *key: Any) -> Any:
        """The result under a key of JSON values, None if there is none."""
        return self._known.get(json.dumps(key))

    def put(self, *key: Any, value: Any) -> None:
        """Appends a result."""
        self._known[json.dumps(key)] = value
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([key, value]) + "\n")
