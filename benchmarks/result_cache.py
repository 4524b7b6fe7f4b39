"""Finished benchmark runs in a file, so that an interrupted benchmark can continue."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class ResultCache:
    """JSON values by key, one per line of a file; without a path, in memory only.

    The cache does not know the code that produced a result: delete the file after a change.

    Args:
        path: The file, created with the first result.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._results: dict[str, Any] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                key, value = json.loads(line)
                self._results[json.dumps(key)] = value

    def get_or_run(self, *key: Any, run: Callable[[], Any]) -> Any:
        """The result stored under a key of JSON values; runs and stores it if there is none."""
        text = json.dumps(key)
        if text not in self._results:
            value = self._results[text] = run()
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps([key, value]) + "\n")
        return self._results[text]
