"""Serves the report on this machine, and renews it while the search runs (`--watch`)."""

import threading
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from ray_nas.record import files

_HOST: Final = "127.0.0.1"
_WAITING: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="3"><title>No report yet</title>
<body style="font: 16px system-ui; margin: 40px"><h1>No report yet</h1><p>{reason}</p></body></html>
"""


class LivePage:
    """A page that is made anew when the experiment's record has changed.

    Args:
        make: Makes the page.
        experiment: The experiment's folder or record, as a path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = LivePage(lambda: "<p>a page</p>", folder)
        ...     page.html()
        '<p>a page</p>'
    """

    def __init__(self, make: Callable[[], str], experiment: str | Path) -> None:
        self._make = make
        self._experiment = experiment
        self._lock = threading.Lock()
        self._made: tuple[str, str] | None = None

    def version(self) -> str:
        """Changes when the record changes."""
        try:
            newest = files.find(self._experiment)[-1]
            status = Path(newest).stat()
        except OSError:
            return "none"
        return f"{newest} {status.st_size} {status.st_mtime_ns}"

    def html(self) -> str:
        """The page of the current record; a notice that renews itself if it cannot be read yet."""
        version = self.version()
        with self._lock:
            if self._made is None or self._made[0] != version:
                try:
                    self._made = version, self._make()
                except (OSError, ValueError) as error:
                    return _WAITING.format(reason=escape(str(error)))
            return self._made[1]


def make_server(page: LivePage, port: int = 0) -> ThreadingHTTPServer:
    """A server of the page, for this machine alone; `serve_forever` runs it.

    Args:
        page: The page.
        port: The port; 0 for a free one.

    Returns:
        The server; its port is in `server_address`.

    Raises:
        OSError: The port is in use.

    Example:
        >>> server = make_server(LivePage(lambda: "<p>a page</p>", "experiment"))
        >>> server.server_address[0]
        '127.0.0.1'
        >>> server.server_close()
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("Host", "").rpartition(":")[0]
            if host not in (_HOST, "localhost"):  # another site's name that leads here
                self.send_error(403)
            elif self.path == "/":
                self._answer(page.html(), "text/html")
            elif self.path == "/version":
                self._answer(page.version(), "text/plain")
            else:
                self.send_error(404)

        def _answer(self, text: str, kind: str) -> None:
            content = text.encode(errors="backslashreplace")
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not printed."""

    return ThreadingHTTPServer((_HOST, port), Handler)
